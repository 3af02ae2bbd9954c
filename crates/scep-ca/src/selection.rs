use scep_types::{Csr, KeyUsage};

use crate::Profile;

/// What a CSR wants its key for, by the keyUsage it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestedUse {
    /// To sign: digitalSignature or nonRepudiation.
    Signature,
    /// To decrypt: keyEncipherment, dataEncipherment or keyAgreement.
    Encryption,
    /// Both, or nothing is said.
    GeneralPurpose,
}

impl RequestedUse {
    /// What this CSR wants its key for; no keyUsage means general purpose.
    #[must_use]
    pub fn of(csr: &Csr) -> Self {
        let Some(usage) = csr.key_usage() else { return Self::GeneralPurpose };
        let any = |bits: KeyUsage| !usage.intersection(bits).is_empty();
        let signs = any(KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::NON_REPUDIATION));
        let encrypts = any(KeyUsage::KEY_ENCIPHERMENT
            .union(KeyUsage::DATA_ENCIPHERMENT)
            .union(KeyUsage::KEY_AGREEMENT));
        match (signs, encrypts) {
            (true, false) => Self::Signature,
            (false, true) => Self::Encryption,
            _ => Self::GeneralPurpose,
        }
    }
}

/// One profile for each [`RequestedUse`], as NDES has one template for each.
#[derive(Debug, Clone)]
pub struct Profiles {
    signature: Profile,
    encryption: Profile,
    general_purpose: Profile,
}

impl Profiles {
    /// The same profile for every use.
    #[must_use]
    pub fn new(general_purpose: Profile) -> Self {
        Self {
            signature: general_purpose.clone(),
            encryption: general_purpose.clone(),
            general_purpose,
        }
    }

    /// Another profile for one use.
    #[must_use]
    pub fn with(mut self, requested: RequestedUse, profile: Profile) -> Self {
        match requested {
            RequestedUse::Signature => self.signature = profile,
            RequestedUse::Encryption => self.encryption = profile,
            RequestedUse::GeneralPurpose => self.general_purpose = profile,
        }
        self
    }

    /// The profile for this CSR.
    #[must_use]
    pub fn select(&self, csr: &Csr) -> &Profile {
        match RequestedUse::of(csr) {
            RequestedUse::Signature => &self.signature,
            RequestedUse::Encryption => &self.encryption,
            RequestedUse::GeneralPurpose => &self.general_purpose,
        }
    }
}
