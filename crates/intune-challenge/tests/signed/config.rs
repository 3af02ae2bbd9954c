//! What a verifier can be built from: anchors, bundles, settings.

use std::time::Duration;

use intune_challenge::signed::{Algorithm, TrustAnchor, Verifier, VerifierConfig};
use intune_challenge::{Error, Misconfigured, UnixTime};
use scep_types::{
    CryptoError, CryptoProvider, Digest, DigestAlgorithm, DigestProvider, KeyKind, Validity,
};

use crate::support::*;

const P256: &str = include_str!("data/p256-anchor.pem");
const RSA: &str = include_str!("data/rsa2048-anchor.pem");
const P224_PUBLIC: &str = include_str!("data/p224-public.pem");
const RSA1024_PUBLIC: &str = include_str!("data/rsa1024-public.pem");
const PRIVATE: &str = include_str!("../../../../testdata/keys/p256-anchor.pem");

fn bundle(text: &str) -> Result<Vec<TrustAnchor>, Misconfigured> {
    TrustAnchor::all_from_pem(text)
}

fn refusal(config: VerifierConfig) -> Misconfigured {
    match Verifier::new(config, &provider()) {
        Err(Error::Misconfigured(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn public(name: &str) -> String {
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key(name).spki());
    format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn a_bundle_holds_certificates_and_public_keys() {
    let anchors =
        bundle(&format!("{P256}{}subject=CN = x\n\n{RSA}", public("p384-anchor"))).unwrap();
    let kinds: Vec<_> = anchors.iter().map(TrustAnchor::key_kind).collect();
    assert_eq!(kinds, [KeyKind::P256, KeyKind::P384, KeyKind::Rsa { bits: 2048 }]);
    let [certificate, bare, _] = &anchors[..] else { panic!() };
    assert_eq!(certificate.spki(), key("p256-anchor").spki());
    assert_eq!(certificate.subject().unwrap().to_string(), "CN=challenge fixture P-256");
    let not_before = UnixTime::from_secs(1_735_689_600); // 2025-01-01
    let not_after = UnixTime::from_secs(2_682_374_400); // 2055-01-01
    assert_eq!(certificate.validity(), Some(Validity { not_before, not_after }));
    assert!(certificate.is_valid_at(NOW));
    assert_eq!(
        (bare.spki(), bare.subject(), bare.validity()),
        (key("p384-anchor").spki(), None, None)
    );
    assert!(
        bare.is_valid_at(UnixTime::from_secs(i64::MIN))
            && bare.is_valid_at(UnixTime::from_secs(i64::MAX))
    );
    assert_eq!(bare.key_id(), None);
    assert_eq!(bare.clone().with_key_id("k").key_id(), Some("k"));
}

#[test]
fn line_ends_and_indentation_of_a_bundle_do_not_matter() {
    for text in [P256.replace('\n', "\r\n"), P256.replace('\n', "\n  "), P256.trim_end().to_owned()]
    {
        assert_eq!(bundle(&text).unwrap().len(), 1);
    }
}

#[test]
fn a_bundle_without_blocks_is_refused() {
    for text in [
        "",
        "\n",
        "no PEM here",
        "-----END CERTIFICATE-----",
        &P256.replace("-----BEGIN", "----BEGIN"),
    ] {
        assert_eq!(bundle(text).unwrap_err(), Misconfigured::NoAnchor);
    }
    assert_eq!(refusal(config(&[])), Misconfigured::NoAnchor);
}

#[test]
fn a_private_key_in_a_bundle_is_refused() {
    for text in [PRIVATE.to_owned(), format!("{P256}{PRIVATE}"), format!("{PRIVATE}{P256}")] {
        assert_eq!(bundle(&text).unwrap_err(), Misconfigured::PrivateKey);
    }
    for kind in
        ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"]
    {
        assert_eq!(
            bundle(&PRIVATE.replace("PRIVATE KEY", kind).replace("RSA RSA", "RSA")).unwrap_err(),
            Misconfigured::PrivateKey
        );
    }
}

#[test]
fn other_blocks_are_refused_by_name() {
    for label in ["X509 CRL", "CERTIFICATE REQUEST", "TRUSTED CERTIFICATE", "RSA PUBLIC KEY", ""] {
        let text = P256.replace("CERTIFICATE", label);
        assert_eq!(bundle(&text).unwrap_err(), Misconfigured::PemLabel { label: label.to_owned() });
    }
}

#[test]
fn a_block_that_does_not_decode_is_refused_by_number() {
    let broken = P256.replacen("MII", "M!I", 1);
    assert_ne!(broken, P256);
    let cut = P256.split("-----END").next().unwrap();
    let other_end = P256.replace("END CERTIFICATE", "END PUBLIC KEY");
    for text in [&broken, cut, &other_end, "-----BEGIN CERTIFICATE-----"] {
        assert_eq!(bundle(text).unwrap_err(), Misconfigured::Pem { block: 1 });
        assert_eq!(bundle(&format!("{RSA}{text}")).unwrap_err(), Misconfigured::Pem { block: 2 });
    }
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(bundle(garbage).unwrap_err(), Misconfigured::Key(_)));
    assert!(matches!(
        bundle(&garbage.replace("CERTIFICATE", "PUBLIC KEY")).unwrap_err(),
        Misconfigured::Key(_)
    ));
    let swapped = P256.replace("CERTIFICATE", "PUBLIC KEY");
    assert!(matches!(bundle(&swapped).unwrap_err(), Misconfigured::Key(_)));
}

// R-7518-02
#[test]
fn rsa_keys_have_at_least_2048_bits() {
    let anchors = bundle(RSA1024_PUBLIC).unwrap();
    let mut config = VerifierConfig::new(anchors, None);
    let weak = Misconfigured::AnchorKey { key: KeyKind::Rsa { bits: 1024 } };
    assert_eq!(refusal(config.clone()), weak);
    config.algorithms = Algorithm::ALL.to_vec();
    assert_eq!(refusal(config), weak);
    for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Ps256] {
        for (bits, fits) in [(0, false), (1024, false), (2047, false), (2048, true), (4096, true)] {
            assert_eq!(algorithm.fits(KeyKind::Rsa { bits }), fits);
        }
    }
}

#[test]
fn keys_that_no_allowed_algorithm_fits_are_refused() {
    let of = |anchor: TrustAnchor, algorithms: &[Algorithm]| {
        let mut config = VerifierConfig::new(vec![anchor, self::anchor("p256-anchor")], None);
        config.algorithms = algorithms.to_vec();
        Verifier::new(config, &provider()).map(|_| ())
    };
    let refused = |key| Err(Error::Misconfigured(Misconfigured::AnchorKey { key }));
    let default = [Algorithm::Rs256, Algorithm::Es256];
    assert_eq!(of(anchor("p384-anchor"), &default), refused(KeyKind::P384));
    assert_eq!(of(anchor("p384-anchor"), &[Algorithm::Es256, Algorithm::Es384]), Ok(()));
    assert_eq!(
        of(anchor("rsa2048-anchor"), &[Algorithm::Es256]),
        refused(KeyKind::Rsa { bits: 2048 })
    );
    let p224 = bundle(P224_PUBLIC).unwrap().remove(0);
    let p224_curve = scep_types::oid::Oid::new("1.3.132.0.33");
    assert_eq!(of(p224, &Algorithm::ALL), refused(KeyKind::Other(p224_curve)));
    assert_eq!(of(anchor("p256-anchor"), &[]), refused(KeyKind::P256));
}

#[test]
fn an_empty_audience_is_not_the_same_as_none() {
    let mut config = config(&["p256-anchor"]);
    config.audience = Some(String::new());
    assert_eq!(refusal(config.clone()), Misconfigured::EmptyAudience);
    config.audience = None;
    build(config);
}

#[test]
fn the_tolerance_is_below_the_lifetime_cap() {
    for (tolerance, cap, fits) in
        [(0, 1, true), (59, 60, true), (60, 60, false), (61, 60, false), (0, 0, false)]
    {
        let mut config = config(&["p256-anchor"]);
        config.tolerance = Duration::from_secs(tolerance);
        config.lifetime_cap = Duration::from_secs(cap);
        if fits {
            build(config);
        } else {
            let (tolerance, cap) = (config.tolerance, config.lifetime_cap);
            assert_eq!(refusal(config), Misconfigured::Tolerance { tolerance, cap });
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn from_pem_is_strict_with_the_default_provider() {
    let verifier = Verifier::from_pem(&format!("{P256}{RSA}"), AUDIENCE).unwrap();
    assert_eq!(verifier.anchors().count(), 2);
    verify(&verifier, mint(&claims()).expose()).unwrap();
    assert_eq!(Verifier::from_pem(P256, "").unwrap_err(), Misconfigured::EmptyAudience.into());
    assert_eq!(Verifier::from_pem("", AUDIENCE).unwrap_err(), Misconfigured::NoAnchor.into());
}

#[test]
fn a_provider_without_sha_256_is_refused() {
    struct NoDigest;
    impl DigestProvider for NoDigest {
        fn digest(&self, _: DigestAlgorithm, _: &[u8]) -> Result<Digest, CryptoError> {
            Err(CryptoError::Unsupported)
        }
    }
    let lacking = CryptoProvider { digest: &NoDigest, ..provider() };
    let refused = Verifier::new(config(&["p256-anchor"]), &lacking).unwrap_err();
    assert_eq!(refused, Misconfigured::Provider(CryptoError::Unsupported).into());
}

#[test]
fn a_verifier_is_shared_by_all_requests() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let verifier = verifier();
    shared(&verifier);
    let verified = verify(&verifier, mint(&claims()).expose()).unwrap();
    shared(&verified);
    shared(&verified.bind(&csr(&[])).unwrap());
}
