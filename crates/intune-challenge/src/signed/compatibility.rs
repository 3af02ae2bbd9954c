/// How strictly challenges are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compatibility {
    /// Everything must be as specified.
    #[default]
    Strict,
    /// With these leniencies of certctl's reader, so that challenges minted for it verify; [`Leniencies::ALL`] for all.
    Certctl(Leniencies),
}

impl Compatibility {
    /// Whether this leniency is granted.
    #[must_use]
    pub const fn grants(self, leniency: Leniency) -> bool {
        match self {
            Self::Strict => false,
            Self::Certctl(leniencies) => leniencies.contains(leniency),
        }
    }
}

/// One way in which certctl's reader is more lenient than the standards, or than we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Leniency {
    /// Segments may be padded with `=`; the signature still covers them as received.
    Padding,
    /// ECDSA signatures may be DER `SEQUENCE { r, s }` instead of r‖s.
    DerSignatures,
    /// `exp`, `iat`, `nonce`, `sub` and `aud` may be absent, and `null`, `""` and times up to 0 count as absent.
    ///
    /// One of `iat` and `exp`, and one claim that names an identity, are required all the same. Without a nonce the
    /// signed octets themselves are the replay key.
    OptionalClaims,
    /// A subjectAltName of a kind that the claims do not list, and a commonName without `device_name`, may be anything.
    UnlistedNames,
}

impl Leniency {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Padding, Self::DerSignatures, Self::OptionalClaims, Self::UnlistedNames];

    /// A stable name for configuration files and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Padding => "padding",
            Self::DerSignatures => "der_signatures",
            Self::OptionalClaims => "optional_claims",
            Self::UnlistedNames => "unlisted_names",
        }
    }

    /// The leniency of this name, compared exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|leniency| leniency.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Padding => 1,
            Self::DerSignatures => 2,
            Self::OptionalClaims => 4,
            Self::UnlistedNames => 8,
        }
    }
}

/// A set of [`Leniency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Leniencies(u8);

impl Leniencies {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub const ALL: Self = Self::NONE
        .with(Leniency::Padding)
        .with(Leniency::DerSignatures)
        .with(Leniency::OptionalClaims)
        .with(Leniency::UnlistedNames);

    /// These and one more.
    #[must_use]
    pub const fn with(self, leniency: Leniency) -> Self {
        Self(self.0 | leniency.bit())
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn contains(self, leniency: Leniency) -> bool {
        self.0 & leniency.bit() != 0
    }
}

impl FromIterator<Leniency> for Leniencies {
    fn from_iter<I: IntoIterator<Item = Leniency>>(leniencies: I) -> Self {
        leniencies.into_iter().fold(Self::NONE, Self::with)
    }
}
