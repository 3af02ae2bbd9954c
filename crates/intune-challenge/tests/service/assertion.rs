//! Assertions signed by the key of a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_challenge::service::*;
use intune_challenge::{Error, Misconfigured};
use scep_types::asn1::DerWriter;
use scep_types::oid::{self, COMMON_NAME};
use scep_types::{Certificate, DigestAlgorithm, SignatureScheme, SigningKey};

use crate::support::*;

fn unsigned(
    certificate: &Certificate,
    algorithm: AssertionAlgorithm,
) -> Result<UnsignedAssertion, Error> {
    let (settings, application) = (settings(), application());
    let id = [0xAB; 16];
    let digest = provider().digest;
    UnsignedAssertion::new(&settings, &application, certificate, algorithm, digest, id, NOW)
}

fn rsa_certificate() -> Certificate {
    certificate_for("rsa2048-device", &[1], &[(COMMON_NAME, "rsa")])
}

fn hash(algorithm: DigestAlgorithm) -> String {
    URL_SAFE_NO_PAD.encode(provider().digest.digest(algorithm, rsa_certificate().der()).unwrap())
}

#[test]
fn an_assertion_says_what_entra_expects() {
    let assertion = unsigned(&rsa_certificate(), AssertionAlgorithm::Ps256).unwrap();
    let text = std::str::from_utf8(assertion.to_be_signed()).unwrap();
    let (header, claims) = text.split_once('.').unwrap();
    let decode = |part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (sha256, sha1) = (hash(DigestAlgorithm::Sha256), hash(DigestAlgorithm::Sha1));
    assert_eq!(
        decode(header),
        format!(r#"{{"alg":"PS256","typ":"JWT","x5t#S256":"{sha256}","x5t":"{sha1}"}}"#)
    );
    let client = "11111111-2222-3333-4444-555555555555";
    assert_eq!(
        decode(claims),
        format!(
            r#"{{"aud":"https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token","iss":"{client}","sub":"{client}","jti":"{ACTIVITY_TEXT}","iat":1800000000,"nbf":1800000000,"exp":1800000600}}"#
        )
    );
}

#[test]
fn the_assembled_assertion_verifies_under_the_certificates_key() {
    let key = key("rsa2048-device");
    for algorithm in [AssertionAlgorithm::Ps256, AssertionAlgorithm::Rs256] {
        let unsigned = unsigned(&rsa_certificate(), algorithm).unwrap();
        let scheme = unsigned.scheme();
        assert_eq!(AssertionAlgorithm::from_scheme(scheme), Some(algorithm));
        let signature = key.sign(scheme, unsigned.to_be_signed()).unwrap();
        let assertion = unsigned.assemble(&signature);
        let (signed, signature) = assertion.expose().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        provider().verify.verify(scheme, key.spki(), signed.as_bytes(), &signature).unwrap();
    }
}

#[test]
fn a_key_that_entra_does_not_take_makes_no_assertion() {
    let short = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            });
            der.bit_string_of(|der| {
                der.sequence(|der| {
                    der.unsigned_octets(&[0xC1; 128]);
                    der.unsigned(65_537_u32);
                });
            });
        });
    });
    for spki in [key("p256-device").spki(), &short] {
        let certificate = certificate_of(spki, &[1], &[(COMMON_NAME, "x")]);
        let refused = unsigned(&certificate, AssertionAlgorithm::Ps256).unwrap_err();
        assert!(
            matches!(refused, Error::Misconfigured(Misconfigured::IssuerKey { .. })),
            "{refused:?}"
        );
    }
    let ecdsa = SignatureScheme::Ecdsa(DigestAlgorithm::Sha256);
    assert_eq!(AssertionAlgorithm::from_scheme(ecdsa), None);
}
