use std::fmt;

/// A claim we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// `version`: absent or `v1`.
    Version,
    /// `iss`: who made the challenge.
    Issuer,
    /// `sub`: the device or user it was made for.
    Subject,
    /// `aud`: the server it was made for.
    Audience,
    /// `iat`: when it was made, in seconds since the epoch.
    IssuedAt,
    /// `exp`: when it is over, in seconds since the epoch.
    Expires,
    /// `nonce`: what makes it unique.
    Nonce,
    /// `device_name`: the only commonName of the CSR.
    DeviceName,
    /// `san_dns`: the dNSNames of the CSR.
    SanDns,
    /// `san_rfc822`: the rfc822Names of the CSR.
    SanRfc822,
    /// `san_upn`: the user principal names of the CSR.
    SanUpn,
    /// `san_uri`: the uniformResourceIdentifiers of the CSR.
    SanUri,
    /// `san_ip`: the iPAddresses of the CSR, as text.
    SanIp,
    /// `spki_sha256`: the SHA-256 digest of the CSR's SubjectPublicKeyInfo, base64url.
    SpkiSha256,
}

impl Claim {
    /// All of them, in the order in which an issuer writes them.
    pub const ALL: [Self; 14] = [
        Self::Version,
        Self::Issuer,
        Self::Subject,
        Self::Audience,
        Self::IssuedAt,
        Self::Expires,
        Self::Nonce,
        Self::DeviceName,
        Self::SanDns,
        Self::SanRfc822,
        Self::SanUpn,
        Self::SanUri,
        Self::SanIp,
        Self::SpkiSha256,
    ];

    /// The name of the member in the payload.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::IssuedAt => "iat",
            Self::Expires => "exp",
            Self::Nonce => "nonce",
            Self::DeviceName => "device_name",
            Self::SanDns => "san_dns",
            Self::SanRfc822 => "san_rfc822",
            Self::SanUpn => "san_upn",
            Self::SanUri => "san_uri",
            Self::SanIp => "san_ip",
            Self::SpkiSha256 => "spki_sha256",
        }
    }

    /// The claim of this name, compared exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.name() == name)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind of subjectAltName that claims can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameKind {
    /// dNSName.
    Dns,
    /// rfc822Name.
    Rfc822,
    /// otherName with Microsoft's user principal name.
    Upn,
    /// uniformResourceIdentifier.
    Uri,
    /// iPAddress.
    Ip,
}

impl NameKind {
    /// The claim that lists names of this kind.
    #[must_use]
    pub const fn claim(self) -> Claim {
        match self {
            Self::Dns => Claim::SanDns,
            Self::Rfc822 => Claim::SanRfc822,
            Self::Upn => Claim::SanUpn,
            Self::Uri => Claim::SanUri,
            Self::Ip => Claim::SanIp,
        }
    }
}
