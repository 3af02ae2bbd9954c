//! Algorithms, trust anchors and signatures.

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_challenge::signed::{
    Algorithm, Compatibility, Issuer, Leniencies, Leniency, TrustAnchor, VerifierConfig,
};
use intune_challenge::{Error, UnixTime};

const ES384: Algorithm = Algorithm::Es384;

fn key_for(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es256 => "p256-anchor",
        Algorithm::Es384 => "p384-anchor",
        _ => "rsa2048-anchor",
    }
}

/// The good payload under this header, signed.
fn signed(algorithm: Algorithm, header: &str) -> String {
    let octets = format!("{}.{}", b64(header), b64(payload().to_string()));
    sign(key_for(algorithm), algorithm, &octets)
}

fn header(algorithm: Algorithm) -> String {
    format!("{{\"alg\":\"{algorithm}\"}}")
}

/// The challenge with this signature instead of its own.
fn with_signature(text: &str, signature: &[u8]) -> String {
    let (octets, _) = text.rsplit_once('.').unwrap();
    format!("{octets}.{}", b64(signature))
}

fn signature(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.rsplit_once('.').unwrap().1).unwrap()
}

fn of_certificates(certificates: &[&[u8]]) -> VerifierConfig {
    let anchors = certificates.iter().map(|der| TrustAnchor::from_certificate(*der).unwrap());
    VerifierConfig::new(anchors.collect(), Some(AUDIENCE.to_owned()))
}

/// A certificate for the RSA anchor's key, valid from 2026 through 2028.
#[expect(clippy::disallowed_methods, reason = "a test reads its keys")]
fn certificate() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/keys/rsa2048-anchor.pem");
    let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2029, 1, 1);
    params.self_signed(&key).unwrap().der().to_vec()
}

const VALID_FROM: UnixTime = UnixTime::from_secs(1_767_225_600); // 2026-01-01T00:00:00Z
const VALID_UNTIL: UnixTime = UnixTime::from_secs(1_861_920_000); // 2029-01-01T00:00:00Z

#[test]
fn rs256_and_es256_are_taken_by_default() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        verify(&verifier(), signed(algorithm, &header(algorithm))).unwrap();
    }
}

#[test]
fn the_other_algorithms_are_taken_only_when_asked_for() {
    for algorithm in [Algorithm::Rs384, Algorithm::Ps256, Algorithm::Es384] {
        let text = signed(algorithm, &header(algorithm));
        let refused = Error::AlgorithmNotAllowed { algorithm: algorithm.to_string() };
        assert_eq!(verify(&verifier(), &text).unwrap_err(), refused);

        let mut config = config(&[key_for(algorithm)]);
        config.algorithms = vec![algorithm];
        verify(&build(config), &text).unwrap();
    }
}

// R-7515-03
#[test]
fn the_algorithm_of_the_header_is_the_one_that_is_verified() {
    let mut config = config(&["rsa2048-anchor", "p256-anchor", "p384-anchor"]);
    config.algorithms = Algorithm::ALL.to_vec();
    let verifier = build(config);
    for made in Algorithm::ALL {
        for said in Algorithm::ALL {
            let verified = verify(&verifier, signed(made, &header(said)));
            assert_eq!(verified.is_ok(), made == said, "{made} as {said}");
        }
    }
}

// R-7515-03
#[test]
fn an_algorithm_needs_an_anchor_of_its_key_type() {
    let none = |algorithm| Error::NoUsableAnchor { algorithm, outside_validity: 0 };
    let rsa_only = build(config(&["rsa2048-anchor"]));
    let text = signed(Algorithm::Es256, &header(Algorithm::Es256));
    assert_eq!(verify(&rsa_only, text).unwrap_err(), none(Algorithm::Es256));
    let ec_only = build(config(&["p256-anchor"]));
    let text = signed(Algorithm::Rs256, &header(Algorithm::Rs256));
    assert_eq!(verify(&ec_only, text).unwrap_err(), none(Algorithm::Rs256));
}

// R-7518-01
#[test]
fn an_ecdsa_signature_is_r_and_s_of_the_curve_length() {
    for (algorithm, length) in [(Algorithm::Es256, 64), (ES384, 96)] {
        let mut config = config(&[key_for(algorithm)]);
        config.algorithms = vec![algorithm];
        let verifier = build(config);
        let good = signed(algorithm, &header(algorithm));
        assert_eq!(signature(&good).len(), length);
        verify(&verifier, &good).unwrap();
        for found in [1, length - 1, length + 1, 2 * length] {
            let signature: Vec<u8> = signature(&good).into_iter().cycle().take(found).collect();
            let wrong = Error::SignatureLength { found, expected: length };
            assert_eq!(wrong.label(), "signature_invalid");
            assert_eq!(verify(&verifier, with_signature(&good, &signature)).unwrap_err(), wrong);
        }
    }
}

// R-7518-01
#[test]
fn a_der_ecdsa_signature_needs_its_leniency() {
    for (algorithm, expected) in [(Algorithm::Es256, 64), (ES384, 96)] {
        let octets = format!("{}.{}", b64(header(algorithm)), b64(payload().to_string()));
        let der = key(key_for(algorithm)).sign(algorithm.scheme(), octets.as_bytes()).unwrap();
        let text = format!("{octets}.{}", b64(&der));
        let mut config = config(&[key_for(algorithm)]);
        config.algorithms = vec![algorithm];
        let wrong = Error::SignatureLength { found: der.len(), expected };
        assert_eq!(verify(&build(config.clone()), &text).unwrap_err(), wrong);
        for leniency in Leniency::ALL {
            let leniencies = Leniencies::NONE.with(leniency);
            config.compatibility = Compatibility::Certctl(leniencies);
            let verifier = build(config.clone());
            assert_eq!(verify(&verifier, &text).is_ok(), leniency == Leniency::DerSignatures);
            // r‖s is taken all the same
            verify(&verifier, with_signature(&text, &fixed(&der, expected / 2))).unwrap();
        }
    }
}

#[test]
fn numbers_of_an_ecdsa_signature_may_be_short() {
    // one of 256 signatures has an r or an s with a leading zero octet
    let verifier = verifier();
    let mut seen = false;
    for nonce in 0..4_000 {
        let payload = payload_with("nonce", format!("n{nonce}"));
        let octets = format!("{}.{}", b64(header(Algorithm::Es256)), b64(payload.to_string()));
        let text = sign("p256-anchor", Algorithm::Es256, &octets);
        let signature = signature(&text);
        if signature[0] == 0 || signature[32] == 0 {
            verify(&verifier, text).unwrap();
            seen = true;
            break;
        }
    }
    assert!(seen);
}

#[test]
fn a_changed_signature_or_payload_or_header_does_not_verify() {
    let verifier = verifier();
    let invalid = Error::SignatureInvalid { anchors: 1 };
    assert_eq!(invalid.label(), "signature_invalid");
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let good = signed(algorithm, &header(algorithm));
        let length = signature(&good).len();
        for at in [0, length / 2, length - 1] {
            let mut octets = signature(&good);
            octets[at] ^= 0xFF;
            assert_eq!(verify(&verifier, with_signature(&good, &octets)).unwrap_err(), invalid);
        }
        let other = payload_with("device_name", "another");
        let swapped = format!(
            "{}.{}.{}",
            b64(header(algorithm)),
            b64(other.to_string()),
            b64(signature(&good))
        );
        assert_eq!(verify(&verifier, swapped).unwrap_err(), invalid);
        let spaced = format!("{{\"alg\": \"{algorithm}\"}}");
        let swapped = good.replacen(&b64(header(algorithm)), &b64(spaced), 1);
        assert_eq!(verify(&verifier, swapped).unwrap_err(), invalid);
    }
    let rsa = signed(Algorithm::Rs256, &header(Algorithm::Rs256));
    for wrong in [&signature(&rsa)[1..], &[0; 256], &[0xFF; 256], &[1]] {
        assert_eq!(verify(&verifier, with_signature(&rsa, wrong)).unwrap_err(), invalid);
    }
    let zero = with_signature(&signed(Algorithm::Es256, &header(Algorithm::Es256)), &[0; 64]);
    assert_eq!(verify(&verifier, zero).unwrap_err(), invalid);
}

// R-7515-02
#[test]
fn the_signature_covers_the_octets_as_received() {
    let odd = "\n{ \"typ\"  :\"x\",\t\"\\u0061lg\" : \"RS256\" }";
    verify(&verifier(), signed(Algorithm::Rs256, odd)).unwrap();
    let odd_payload = payload().to_string().replace("\":", "\" :\n ");
    verify(&verifier(), rs256_payload(odd_payload)).unwrap();
}

#[test]
fn keys_and_addresses_of_keys_in_the_header_are_not_looked_at() {
    let foreign = b64(key("rsa2048-device").spki());
    let header = format!(
        r#"{{"alg":"RS256","jwk":{{"kty":"RSA","n":"{}"}},"jku":"https://evil.example/","x5u":7,"x5c":["MII"]}}"#,
        &foreign[..200]
    );
    verify(&verifier(), signed(Algorithm::Rs256, &header)).unwrap();
    let octets = format!("{}.{}", b64(&header), b64(payload().to_string()));
    let forged = sign("rsa2048-device", Algorithm::Rs256, &octets);
    assert_eq!(verify(&verifier(), forged).unwrap_err(), Error::SignatureInvalid { anchors: 1 });
}

#[test]
fn every_anchor_that_fits_is_tried() {
    let text = signed(Algorithm::Rs256, &header(Algorithm::Rs256));
    let others = ["rsa2048-ca", "rsa2048-ra", "rsa2048-device"];
    let invalid = Error::SignatureInvalid { anchors: 3 };
    assert_eq!(verify(&build(config(&others)), &text).unwrap_err(), invalid);
    verify(&build(config(&["p256-anchor", "rsa2048-anchor"])), &text).unwrap();
    let fourth = ["rsa2048-ca", "p256-ca", "rsa2048-ra", "rsa2048-device", "rsa2048-anchor"];
    verify(&build(config(&fourth)), &text).unwrap();
}

#[test]
fn kid_chooses_among_the_anchors_that_have_one() {
    let named = |names: &[(&str, Option<&str>)]| {
        let anchors = names.iter().map(|(name, key_id)| match key_id {
            Some(key_id) => anchor(name).with_key_id(*key_id),
            None => anchor(name),
        });
        build(VerifierConfig::new(anchors.collect(), Some(AUDIENCE.to_owned())))
    };
    let says = |kid: &str| signed(Algorithm::Rs256, &format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
    let none = Error::NoUsableAnchor { algorithm: Algorithm::Rs256, outside_validity: 0 };

    let two = named(&[("rsa2048-ca", Some("old")), ("rsa2048-anchor", Some("new"))]);
    verify(&two, says("new")).unwrap();
    let pointing_elsewhere = verify(&two, says("old")).unwrap_err();
    assert_eq!(pointing_elsewhere, Error::SignatureInvalid { anchors: 1 });
    assert_eq!(verify(&two, says("unheard-of")).unwrap_err(), none);
    assert_eq!(verify(&two, says("NEW")).unwrap_err(), none);
    verify(&two, signed(Algorithm::Rs256, &header(Algorithm::Rs256))).unwrap();

    let unnamed = named(&[("rsa2048-ca", Some("old")), ("rsa2048-anchor", None)]);
    verify(&unnamed, says("new")).unwrap();
}

#[test]
fn the_certificate_fingerprint_chooses_among_the_certificates() {
    let provider = provider();
    let fingerprint = |der: &[u8]| {
        let digest = provider.digest.digest(scep_types::DigestAlgorithm::Sha256, der).unwrap();
        b64(digest.as_ref())
    };
    let says = |digest: &str| {
        signed(Algorithm::Rs256, &format!(r#"{{"alg":"RS256","x5t#S256":"{digest}"}}"#))
    };
    let certificate = certificate();
    let verifier = build(of_certificates(&[&certificate]));
    verify(&verifier, says(&fingerprint(&certificate))).unwrap();
    let none = Error::NoUsableAnchor { algorithm: Algorithm::Rs256, outside_validity: 0 };
    assert_eq!(verify(&verifier, says(&b64([7; 32]))).unwrap_err(), none);
    // a bare key has no fingerprint that could differ
    verify(&build(config(&["rsa2048-anchor"])), says(&b64([7; 32]))).unwrap();
}

#[test]
fn anchors_must_be_valid_at_the_time_of_the_check() {
    let mut config = of_certificates(&[&certificate()]);
    config.tolerance = std::time::Duration::ZERO;
    let verifier = build(config);
    let issuer = Issuer::new(key("rsa2048-anchor"), Algorithm::Rs256, None).unwrap();
    let at = |now: UnixTime| {
        let mut claims = claims();
        claims.issued_at = Some(now);
        claims.expires = Some(UnixTime::from_secs(now.as_secs() + 60));
        let challenge = verifier.parse(issuer.mint(&claims).unwrap().expose()).unwrap();
        verifier.verify(challenge, now).map(|_| ())
    };
    let outside = Err(Error::NoUsableAnchor { algorithm: Algorithm::Rs256, outside_validity: 1 });
    let second = |time: UnixTime, seconds| UnixTime::from_secs(time.as_secs() + seconds);
    assert_eq!(at(second(VALID_FROM, -1)), outside);
    assert_eq!(at(VALID_FROM), Ok(()));
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(VALID_UNTIL), Ok(()));
    assert_eq!(at(second(VALID_UNTIL, 1)), outside);
}

#[test]
fn an_expired_anchor_does_not_keep_a_valid_one_from_being_tried() {
    let expired = certificate();
    let mut config = of_certificates(&[&expired]);
    config.anchors.push(anchor("rsa2048-anchor"));
    let later = UnixTime::from_secs(VALID_UNTIL.as_secs() + 100);
    let mut claims = claims();
    (claims.issued_at, claims.expires) =
        (Some(later), Some(later.plus(std::time::Duration::from_secs(60))));
    let verifier = build(config);
    verifier.verify(verifier.parse(mint(&claims).expose()).unwrap(), later).unwrap();
    let valid: Vec<_> = verifier.anchors().map(|anchor| anchor.is_valid_at(later)).collect();
    assert_eq!(valid, [false, true]);
}
