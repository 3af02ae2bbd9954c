//! Crypto providers and software keys for the SCEP crates: AWS-LC (default) and *ring*.
//!
//! Only programs and tests name this crate; the pure crates take what it makes as arguments. A backend is a module
//! with a `provider()` and a `SoftwareKey`; the features that bring them are additive, there is no process-wide default.
//!
//! | | `aws_lc_rs` | `ring` |
//! |---|---|---|
//! | digests | SHA-1, SHA-256, SHA-384, SHA-512, MD5 | SHA-1, SHA-256, SHA-384, SHA-512 |
//! | verifies RSA PKCS#1 v1.5, 1024 to 8192 bits | SHA-1, SHA-2, MD5 | SHA-1, SHA-2 (SHA-384 from 2048 bits) |
//! | verifies RSA PSS, 2048 to 8192 bits | SHA-2 | SHA-2 |
//! | verifies ECDSA | P-256, P-384, P-521 with SHA-2; P-256, P-521 with SHA-1 | P-256, P-384 with SHA-256, SHA-384 |
//! | verifies Ed25519 | yes | yes |
//! | encrypts and decrypts content | AES-128/192/256-CBC, triple and single DES-CBC | – |
//! | derives keys from passwords (PBKDF2), wraps keys by them (CBC without padding) | SHA-1, SHA-2; the ciphers above | – |
//! | wraps keys for RSA | PKCS#1 v1.5 from 1024 bits, OAEP from 2048 bits | – |
//! | signs | RSA (PKCS#1 v1.5 also with SHA-1, PSS), P-256, P-384, P-521, Ed25519 | RSA (SHA-2), P-256, P-384, Ed25519 |
//! | seals what is kept | AES-256-GCM | – |
//! | unwraps keys | RSA PKCS#1 v1.5 and OAEP, 2048 to 8192 bits | – |
//!
//! A software key is read from PEM, also from PEM that a passphrase keeps (`SoftwareKey::from_encrypted_pem`).
//! Keys that must not be in memory stay in a PKCS #11 token (`pkcs11`, feature `pkcs11`): RSA signs and unwraps, P-256, P-384 and
//! P-521 sign.
//!
//! So *ring* is complete for signed challenges and for a CA, and cannot open a SCEP message. What is weak is here because
//! devices in the field know no better; whether a peer may use it is the caller's
//! [`AlgorithmPolicy`](scep_types::AlgorithmPolicy).
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] {
//! use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
//! use scep_types::{DigestAlgorithm, KeyKind, SignatureScheme, SigningKey};
//!
//! let key = SoftwareKey::generate(KeyKind::P256)?;
//! let scheme = SignatureScheme::Ecdsa(DigestAlgorithm::Sha256);
//! let signature = key.sign(scheme, b"to be signed")?;
//! provider().verify.verify(scheme, key.spki(), b"to be signed", &signature)?;
//! # }
//! # Ok::<(), scep_types::CryptoError>(())
//! ```

#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(feature = "ring")]
pub mod ring;

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod pem;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod private_key;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod spki;
