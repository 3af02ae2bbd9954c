//! What each provider and its software keys promise, checked against OpenSSL's output, against published vectors, and
//! against each other. *ring* is under test where its feature is on.
#![cfg(feature = "aws-lc-rs")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod content;
mod digests;
mod encrypted;
mod hostile;
mod key_transport;
mod keys;
mod passwords;
mod sealing;
mod signing;
mod support;
mod textbook_rsa;
mod verification;
