use scep_types::{CryptoError, DigestAlgorithm};

use crate::support::{aws_lc_rs, providers};

/// RFC 1321 appendix A.5; FIPS 180-4 examples of NIST's Computer Security Resource Center.
const KNOWN: [(DigestAlgorithm, &str, &str); 8] = [
    (DigestAlgorithm::Md5, "", "D41D8CD98F00B204E9800998ECF8427E"),
    (DigestAlgorithm::Md5, "abc", "900150983CD24FB0D6963F7D28E17F72"),
    (DigestAlgorithm::Md5, "message digest", "F96B697D7CB7938D525A2F31AAF161D0"),
    (DigestAlgorithm::Sha1, "abc", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
    (
        DigestAlgorithm::Sha256,
        "",
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    ),
    (
        DigestAlgorithm::Sha256,
        "abc",
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
    ),
    (
        DigestAlgorithm::Sha384,
        "abc",
        "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED8086072BA1E7CC2358BAECA134C825A7",
    ),
    (
        DigestAlgorithm::Sha512,
        "abc",
        "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F",
    ),
];

#[test]
fn known_digests_come_out_of_every_provider() {
    for (name, provider) in providers() {
        for (algorithm, data, expected) in KNOWN {
            let digest = provider.digest.digest(algorithm, data.as_bytes());
            if name == "ring" && algorithm == DigestAlgorithm::Md5 {
                assert_eq!(digest, Err(CryptoError::Unsupported));
                continue;
            }
            let digest = digest.unwrap();
            assert_eq!(digest.to_hex(), expected, "{name} {algorithm:?}");
            assert_eq!(digest.as_ref().len(), algorithm.output_len());
        }
    }
}

#[test]
fn the_default_provider_has_every_digest() {
    for algorithm in DigestAlgorithm::ALL {
        aws_lc_rs().digest.digest(algorithm, &[0; 1000]).unwrap();
    }
}

#[test]
fn random_octets_are_drawn_anew() {
    for (name, provider) in providers() {
        let mut draws = [[0_u8; 32]; 8];
        draws.iter_mut().for_each(|draw| provider.random.fill(draw).unwrap());
        for (index, draw) in draws.iter().enumerate() {
            assert!(!draws[index + 1..].contains(draw) && *draw != [0; 32], "{name}");
        }
    }
}
