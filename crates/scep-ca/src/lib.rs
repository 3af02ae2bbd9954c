//! Profiles, certificates and CRLs: what a CSR may become, prepared, linted, then signed.
