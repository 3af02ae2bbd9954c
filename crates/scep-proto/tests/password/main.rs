//! PasswordRecipientInfo both ways: for a CA whose key cannot encrypt, and for devices whose key cannot (RFC 8894 §3.1).
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod bounds;
mod openssl;
mod replies;
mod requests;
mod support;
mod uniform_failure;
mod vectors;
