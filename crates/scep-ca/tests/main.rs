//! What scep-ca promises, through its public API; one binary, one module for each subject.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod certificate;
mod compatibility;
mod config;
mod crl;
mod extensions;
mod foreign_openssl;
mod issuance;
mod key_policy;
mod names;
mod properties;
mod selection;
mod serial;
mod sid;
mod subject_alt_names;
mod support;
mod usage_policy;
mod validity;
