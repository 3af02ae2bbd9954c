//! The hashes that profiles of device management want.

use scep_crypto::aws_lc_rs::provider;
use scep_types::{Certificate, DigestAlgorithm};

use super::facts::Facts;

/// One value to put somewhere.
#[derive(Debug)]
pub(crate) struct ProfileHash {
    pub(super) place: &'static str,
    pub(super) certificate: String,
    pub(super) algorithm: &'static str,
    pub(super) value: String,
}

/// Where a profile wants which hash of which certificate.
struct Place {
    name: &'static str,
    of: fn(&Facts) -> Option<&Certificate>,
    algorithm: DigestAlgorithm,
}

/// Windows finds its CA by hash among what GetCACert gives (CSP CAThumbprint); Apple checks the top of the chain; other
/// platforms under Intune take the root's profile.
const PLACES: &[Place] = &[
    Place {
        name: "Intune, Windows: the trusted certificate of the SCEP profile (CAThumbprint)",
        of: Facts::issuing_ca,
        algorithm: DigestAlgorithm::Sha1,
    },
    Place {
        name: "Intune, Android and Apple: the trusted certificate of the SCEP profile",
        of: Facts::top_ca,
        algorithm: DigestAlgorithm::Sha1,
    },
    Place {
        name: "Apple profile: CAFingerprint",
        of: Facts::top_ca,
        algorithm: DigestAlgorithm::Sha256,
    },
    Place {
        name: "Apple profile: CAFingerprint, for older systems",
        of: Facts::top_ca,
        algorithm: DigestAlgorithm::Sha1,
    },
    Place { name: "Jamf Pro: fingerprint", of: Facts::top_ca, algorithm: DigestAlgorithm::Sha1 },
    Place { name: "scep --fingerprint", of: Facts::issuing_ca, algorithm: DigestAlgorithm::Sha256 },
];

pub(super) fn profile_hashes(facts: &Facts) -> Vec<ProfileHash> {
    let hash = |place: &Place| {
        let certificate = (place.of)(facts)?;
        Some(ProfileHash {
            place: place.name,
            certificate: certificate.subject().to_string(),
            algorithm: if place.algorithm == DigestAlgorithm::Sha1 { "SHA-1" } else { "SHA-256" },
            value: digest(certificate, place.algorithm),
        })
    };
    PLACES.iter().filter_map(hash).collect()
}

/// The digest of the whole certificate, upper-case hexadecimal.
pub(super) fn digest(certificate: &Certificate, algorithm: DigestAlgorithm) -> String {
    let digest = provider().digest.digest(algorithm, certificate.der());
    digest.map(|digest| digest.to_hex()).unwrap_or_default().to_uppercase()
}
