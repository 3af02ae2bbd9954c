use std::fmt;

use super::Remark;
use crate::PeerFailure;

/// Characters of a code that we do not know.
const MAX_CODE: usize = 128;

/// Why the service does not find a CSR valid: its `code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Code {
    /// One that is known.
    Known(KnownCode),
    /// Any other, at most 128 characters of it.
    Other(Remark),
}

macro_rules! known_codes {
    ($($variant:ident, $label:literal, $meaning:literal;)*) => {
        /// A `code` of the service, by its name there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum KnownCode {
            $(#[doc = concat!($meaning, ".")] $variant,)*
        }

        impl KnownCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The text on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The stable metric label.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// What it means, in a clause.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

known_codes! {
    Unknown, "unknown", "the service has no name for it";
    CertificateRequestDecodingFailed, "certificate_request_decoding_failed", "the CSR cannot be read";
    ChallengePasswordMissing, "challenge_password_missing", "the CSR has no challengePassword";
    ChallengeDeserializationError, "challenge_deserialization_error", "the decrypted challenge cannot be read";
    ChallengeDecryptionError, "challenge_decryption_error", "the challenge cannot be decrypted: it is garbled, or not Intune's";
    ChallengeDecodingError, "challenge_decoding_error", "the challenge is not of Intune's form: a static or third-party password?";
    ChallengeInvalidTimestamp, "challenge_invalid_timestamp", "the challenge's times contradict each other";
    ChallengeExpired, "challenge_expired", "the challenge is older than 60 minutes; the device gets another at its next sync";
    SubjectNameMissing, "subject_name_missing", "the CSR has no subject";
    SubjectNameMismatch, "subject_name_mismatch", "the CSR's subject is not the profile's";
    SubjectAltNameMissing, "subject_alt_name_missing", "the CSR has no subjectAltName";
    SubjectAltNameMismatch, "subject_alt_name_mismatch", "the CSR's subjectAltName is not the profile's";
    KeyUsageMismatch, "key_usage_mismatch", "the CSR's key usage is not the profile's";
    KeyLengthMismatch, "key_length_mismatch", "the CSR's key is not of the profile's length";
    EnhancedKeyUsageMissing, "enhanced_key_usage_missing", "the CSR has no extended key usage";
    EnhancedKeyUsageMismatch, "enhanced_key_usage_mismatch", "the CSR's extended key usage is not the profile's";
    AadKeyIdentifierListMissing, "aad_key_identifier_list_missing", "the CSR lacks the list of keys that Windows Hello registered";
    RegisteredKeyMismatch, "registered_key_mismatch", "the CSR's key is not one that Windows Hello registered";
    SigningCertThumbprintMismatch, "signing_cert_thumbprint_mismatch", "the challenge is signed by an unexpected certificate";
    ScepProfileNoLongerTargetedToTheClient, "scep_profile_no_longer_targeted_to_the_client", "the profile is not assigned to the device any more";
    SignatureValidationFailed, "signature_validation_failed", "the challenge's signature does not verify";
    BadCertificateRequestIdInChallenge, "bad_certificate_request_id_in_challenge", "the challenge names an unknown request";
    BadDeviceIdInChallenge, "bad_device_id_in_challenge", "the challenge names an unknown device";
    BadUserIdInChallenge, "bad_user_id_in_challenge", "the challenge names an unknown user";
    BadTenantIdInChallenge, "bad_tenant_id_in_challenge", "the challenge was made in another tenant than the application's";
}

impl KnownCode {
    /// The code of this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
    }
}

impl Code {
    /// The `code` of a request that is valid, compared without regard to ASCII case.
    pub const SUCCESS: &'static str = "Success";

    pub(super) fn from_name(name: &str, secrets: &[&str]) -> Self {
        let other = || Self::Other(Remark::new(name, secrets).cut(MAX_CODE));
        KnownCode::from_name(name).map_or_else(other, Self::Known)
    }

    /// The text on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(code) => code.name(),
            Self::Other(name) => name.as_str(),
        }
    }

    /// The stable metric label; `other` for all that are not known.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Known(code) => code.label(),
            Self::Other(_) => "other",
        }
    }

    /// The failInfo for it: badTime for an expired challenge, badRequest for everything else.
    ///
    /// badMessageCheck stays reserved for what is wrong with the CMS message.
    #[must_use]
    pub const fn failure(&self) -> PeerFailure {
        match self {
            Self::Known(KnownCode::ChallengeExpired) => PeerFailure::BadTime,
            Self::Known(_) | Self::Other(_) => PeerFailure::BadRequest,
        }
    }
}

impl fmt::Display for KnownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
