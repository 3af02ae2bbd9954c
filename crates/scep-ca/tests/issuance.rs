//! Nothing is issued without a proof, a usable issuer, and the issuer's own signature.

use scep_ca::{Error, Issuer, IssuerDefect, Misuse, Prepared, Profile, Refusal};
use scep_types::oid;
use scep_types::{
    AlgorithmPolicy, Basis, DigestAlgorithm, KeyUsage, NameAssurance, SignatureScheme,
};

use crate::support::{
    Backend, CA_TRUE, Ca, NOW, Request, YEAR, config, extension, issue, key, name, provider,
    self_asserted, serial, vouched,
};

fn prepared(ca: &Ca) -> Prepared {
    let csr = Request::new().verified();
    let profile = Profile::new(config()).unwrap();
    let admitted = profile.admit(&csr, vouched(&csr), NOW).unwrap();
    admitted.prepare(serial(1), &ca.issuer(), provider().digest).unwrap()
}

#[test]
fn an_authorization_for_another_csr_admits_nothing() {
    let (csr, other) = (Request::new().verified(), Request::with_key("p384-device").verified());
    let profile = Profile::new(config()).unwrap();
    let refused = profile.admit(&csr, vouched(&other), NOW).unwrap_err();
    assert_eq!(refused, Error::ApiMisuse(Misuse::AuthorizationForAnotherCsr));
    profile.admit(&csr, vouched(&csr), NOW).unwrap();
}

#[test]
fn what_allowed_a_certificate_stays_with_it() {
    let csr = Request::new().verified();
    let issued = issue(&csr, self_asserted(&csr), &Ca::new(), config()).unwrap();
    assert_eq!(issued.authorization().basis(), &Basis::StaticPassword);
    assert_eq!(issued.authorization().names(), NameAssurance::SelfAsserted);
}

#[test]
fn a_remote_key_signs_in_two_steps() {
    for ca in ["p256-ca", "p384-ca", "rsa2048-ca"] {
        let ca = Ca::with_key(ca);
        let prepared = prepared(&ca);
        let remote = key(ca.key);
        let signature = remote.sign(prepared.scheme(), prepared.to_be_signed()).unwrap();
        let issued = prepared.assemble(&signature).unwrap();
        let issuer = ca.certificate();
        let policy = AlgorithmPolicy::Modern;
        let certificate = issued.into_certificate();
        certificate.verify_signature(issuer.spki(), provider().verify, policy).unwrap();
    }
}

#[test]
fn another_key_signs_nothing() {
    let refused = prepared(&Ca::new()).sign_with(key("p384-ca").as_ref()).unwrap_err();
    assert_eq!(refused, Error::ApiMisuse(Misuse::KeyOfAnotherIssuer));
}

#[test]
fn octets_that_cannot_be_a_signature_are_not_assembled() {
    for (ca, signature) in [
        ("p256-ca", vec![]),
        ("p256-ca", vec![7; 64]), // r ‖ s, as JWS has it and some KMS answer
        ("p256-ca", vec![0x30, 6, 2, 1, 1, 2, 1, 0x81]),
        ("p256-ca", vec![0x30, 3, 2, 1, 1]),
        ("p256-ca", vec![0x30, 6, 2, 1, 1, 2, 1, 1, 0]),
        ("rsa2048-ca", vec![7; 255]),
        ("rsa2048-ca", vec![7; 512]),
    ] {
        let prepared = prepared(&Ca::with_key(ca));
        let misuse = Misuse::Signature { scheme: prepared.scheme(), octets: signature.len() };
        assert_eq!(prepared.assemble(&signature).unwrap_err(), Error::ApiMisuse(misuse));
    }
}

#[test]
fn only_a_ca_certificate_issues() {
    let refused = |extensions: Vec<u8>| {
        let ca = Ca { extensions, ..Ca::new() };
        Issuer::new(ca.certificate(), provider().digest, NOW).unwrap_err()
    };
    let ca_true = extension(&oid::BASIC_CONSTRAINTS, true, &CA_TRUE);
    let usage = |value: &[u8]| extension(&oid::KEY_USAGE, true, value);
    assert_eq!(refused(Vec::new()), Error::UnusableIssuer(IssuerDefect::NotCa));
    assert_eq!(
        refused(extension(&oid::BASIC_CONSTRAINTS, true, &[0x30, 0])),
        Error::UnusableIssuer(IssuerDefect::NotCa)
    );
    let crl_only = KeyUsage::CRL_SIGN.to_extension();
    assert_eq!(
        refused([ca_true.clone(), usage(&crl_only)].concat()),
        Error::UnusableIssuer(IssuerDefect::KeyUsage(KeyUsage::KEY_CERT_SIGN))
    );
    assert_eq!(
        refused([ca_true.clone(), usage(b"rubbish")].concat()),
        Error::UnusableIssuer(IssuerDefect::MalformedKeyUsage)
    );
    for malformed in [&b"rubbish"[..], &[4, 0]] {
        let identifier = extension(&oid::SUBJECT_KEY_IDENTIFIER, false, malformed);
        assert_eq!(
            refused([ca_true.clone(), identifier].concat()),
            Error::UnusableIssuer(IssuerDefect::MalformedKeyIdentifier)
        );
    }
}

#[test]
fn a_ca_certificate_issues_only_while_it_is_valid_and_with_a_name() {
    let issuer = |ca: &Ca, now| Issuer::new(ca.certificate(), provider().digest, now);
    let ca = Ca::new();
    for now in [NOW.minus(YEAR * 2), NOW.plus(YEAR * 10)] {
        let defect = IssuerDefect::NotValid(now);
        assert_eq!(issuer(&ca, now).unwrap_err(), Error::UnusableIssuer(defect));
    }
    let nameless = Ca { subject: name(&[]), ..Ca::new() };
    let defect = Error::UnusableIssuer(IssuerDefect::EmptySubject);
    assert_eq!(issuer(&nameless, NOW).unwrap_err(), defect);
}

#[test]
fn a_ca_certificate_without_key_usage_issues() {
    let ca = Ca { extensions: extension(&oid::BASIC_CONSTRAINTS, true, &CA_TRUE), ..Ca::new() };
    Request::new().issue_from(&ca, config()).unwrap();
}

#[test]
fn an_issuer_signs_only_by_schemes_of_its_key_and_strong_digests() {
    use DigestAlgorithm::{Sha1, Sha256, Sha512};
    let issuer = Ca::new().issuer();
    issuer.clone().with_scheme(SignatureScheme::Ecdsa(Sha512)).unwrap();
    for scheme in [
        SignatureScheme::Ecdsa(Sha1),
        SignatureScheme::RsaPkcs1(Sha256),
        SignatureScheme::RsaPss(Sha256),
        SignatureScheme::Ed25519,
    ] {
        let defect = IssuerDefect::Scheme(scheme);
        let refused = issuer.clone().with_scheme(scheme).unwrap_err();
        assert_eq!(refused, Error::UnusableIssuer(defect));
    }
    let rsa = Ca::with_key("rsa2048-ca").issuer();
    let refused = rsa.with_scheme(SignatureScheme::RsaPkcs1(Sha1)).unwrap_err();
    assert!(matches!(refused, Error::UnusableIssuer(IssuerDefect::Scheme(_))));
}

#[test]
fn nobody_gets_the_name_of_the_issuer() {
    use scep_types::asn1::Tag;
    for tag in [Tag::UTF8_STRING, Tag::PRINTABLE_STRING] {
        for text in ["Test CA", "test  ca"] {
            let subject = name(&[&[(oid::COMMON_NAME, tag, text.as_bytes())]]);
            let refused = Request { subject, ..Request::new() }.issue(config());
            assert_eq!(refused, Err(Error::Refused(Refusal::SubjectOfIssuer)));
        }
    }
}

#[test]
fn each_backend_signs_what_the_other_verifies() {
    for name in ["p256-ca", "p384-ca", "rsa2048-ca"] {
        let ca = Ca::with_key(name);
        let (issuer, policy) = (ca.certificate(), AlgorithmPolicy::Modern);
        for signer in Backend::ALL {
            let issued = prepared(&ca).sign_with(signer.key(name).as_ref()).unwrap();
            for verifier in Backend::ALL {
                let verifier = verifier.provider().verify;
                let certificate = issued.certificate();
                certificate.verify_signature(issuer.spki(), verifier, policy).unwrap();
            }
        }
    }
}

#[test]
fn each_backend_digests_to_the_same_certificate() {
    let csr = Request::new().verified();
    let bytes = Backend::ALL.map(|backend| {
        let digest = backend.provider().digest;
        let issuer = Issuer::new(Ca::new().certificate(), digest, NOW).unwrap();
        let admitted = Profile::new(config()).unwrap().admit(&csr, vouched(&csr), NOW).unwrap();
        admitted.prepare(serial(1), &issuer, digest).unwrap().to_be_signed().to_vec()
    });
    assert_eq!(bytes[0], bytes[1]);
}
