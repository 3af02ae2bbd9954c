//! What a CSR proves: possession of its key, and, with an authorisation, the right to a certificate.

use std::sync::Mutex;

use scep_types::asn1::Tag;
use scep_types::{
    AlgorithmPolicy, Authorization, Basis, CryptoError, DigestAlgorithm, Error, NameAssurance,
    Secret, SignatureScheme, SignatureVerifier, VerifyingKey,
};

use crate::builder::{Request, spki};

/// Scheme, key, message and signature.
type Question = (SignatureScheme, Vec<u8>, Vec<u8>, Vec<u8>);

/// Answers as it is told to, and records what it was asked.
struct Verifier {
    answer: Result<(), CryptoError>,
    asked: Mutex<Vec<Question>>,
}

impl Verifier {
    fn answering(answer: Result<(), CryptoError>) -> Self {
        Self { answer, asked: Mutex::default() }
    }
}

impl SignatureVerifier for Verifier {
    fn verify(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let asked = (scheme, spki.to_vec(), message.to_vec(), signature.to_vec());
        self.asked.lock().unwrap().push(asked);
        self.answer
    }

    fn verifying_key(
        &self,
        _scheme: SignatureScheme,
        _spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Err(CryptoError::Unsupported)
    }
}

// R-3.3.1-03
#[test]
fn possession_is_verified_over_the_received_info_with_the_csrs_own_key() {
    let request = Request::new().challenge(Tag::UTF8_STRING, b"x");
    let verifier = Verifier::answering(Ok(()));
    let csr = request.parse().unwrap();
    let proven = csr.verify(&verifier, AlgorithmPolicy::Modern).unwrap();
    assert_eq!(*proven, csr);
    let expected = (request.signature, spki(), request.info(), b"signature".to_vec());
    assert_eq!(verifier.asked.into_inner().unwrap(), [expected]);
}

// R-3.3.1-03
#[test]
fn a_signature_that_does_not_verify_proves_nothing() {
    let csr = Request::new().parse().unwrap();
    let verifier = Verifier::answering(Err(CryptoError::InvalidSignature));
    let refused = csr.verify(&verifier, AlgorithmPolicy::Modern);
    assert_eq!(refused, Err(Error::Crypto(CryptoError::InvalidSignature)));
}

#[test]
fn a_digest_the_policy_forbids_never_reaches_the_verifier() {
    let signature = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1);
    let csr = Request { signature, ..Request::new() }.parse().unwrap();
    let verifier = Verifier::answering(Ok(()));
    let refused = csr.verify(&verifier, AlgorithmPolicy::Modern);
    assert_eq!(refused, Err(Error::DigestNotAllowed { digest: DigestAlgorithm::Sha1 }));
    assert!(verifier.asked.lock().unwrap().is_empty());
    assert!(csr.verify(&verifier, AlgorithmPolicy::Legacy).is_ok());
}

#[test]
fn an_authorization_covers_exactly_its_csr() {
    let csr = Request::new().challenge(Tag::UTF8_STRING, b"one").parse().unwrap();
    let other = Request::new().challenge(Tag::UTF8_STRING, b"two").parse().unwrap();
    let same_again = Request::new().challenge(Tag::UTF8_STRING, b"one").parse().unwrap();
    let basis = Basis::SignedChallenge("issuer/nonce".into());
    let authorization = Authorization::assertion(&csr, basis.clone(), NameAssurance::Vouched);
    assert!(authorization.covers(&csr) && authorization.covers(&same_again));
    assert!(!authorization.covers(&other));
    assert_eq!(authorization.basis(), &basis);
    assert_eq!(authorization.names(), NameAssurance::Vouched);
}

#[test]
fn an_authorization_does_not_cover_a_csr_that_differs_only_in_its_signature() {
    let request = Request::new();
    let resigned = Request { signature: SignatureScheme::Ed25519, ..request.clone() };
    let authorization = Authorization::assertion(
        &request.parse().unwrap(),
        Basis::StaticPassword,
        NameAssurance::SelfAsserted,
    );
    assert!(!authorization.covers(&resigned.parse().unwrap()));
}

#[test]
fn an_authorization_shows_no_challenge() {
    let csr = Request::new().challenge(Tag::UTF8_STRING, b"hunter2").parse().unwrap();
    let authorization =
        Authorization::assertion(&csr, Basis::StaticPassword, NameAssurance::SelfAsserted);
    let shown = format!("{authorization:?}");
    assert!(shown.contains("device-1") && shown.contains("StaticPassword"), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn each_basis_has_its_own_stable_label() {
    let labels = [
        Basis::StaticPassword,
        Basis::OneTimePassword(String::new()),
        Basis::SignedChallenge(String::new()),
        Basis::IntuneService,
        Basis::Webhook,
        Basis::Operator(String::new()),
        Basis::Renewal(String::new()),
    ]
    .map(|basis| basis.label());
    let expected = [
        "static_password",
        "one_time_password",
        "signed_challenge",
        "intune_service",
        "webhook",
        "operator",
        "renewal",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn a_secret_shows_nothing_and_compares_by_content() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
    assert_eq!(secret, Secret::new(String::from("hunter2")));
    assert_ne!(secret, Secret::new("hunter"));
    assert_eq!(secret.expose(), "hunter2");
    assert!(Secret::new("").is_empty() && !secret.is_empty());
}
