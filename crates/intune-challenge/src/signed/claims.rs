use std::net::IpAddr;

use scep_types::{Secret, UnixTime};
use serde_core::Deserialize;
use serde_core::de::MapAccess;

use super::header::sha256;
use super::json::{Faults, Member, Members, read_object};
use super::names::{ClaimedName, is_name};
use super::{Compatibility, Leniency};
use crate::{Claim, Error, Malformed, Part};

/// Names that all lists together may have; as many as a subjectAltName.
const MAX_NAMES: usize = 256;

/// What a challenge says: for whom and until when it is, and what the CSR must look like.
///
/// A list that is empty and a list that is absent are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Claims {
    /// `iss`: who made it.
    pub issuer: Option<String>,
    /// `sub`: the device or user it was made for.
    pub subject: Option<String>,
    /// `aud`: the server it was made for.
    pub audience: Option<String>,
    /// `iat`: when it was made.
    pub issued_at: Option<UnixTime>,
    /// `exp`: when it is over.
    pub expires: Option<UnixTime>,
    /// `nonce`: what makes it unique for its issuer.
    pub nonce: Option<Secret>,
    /// `device_name`: the only commonName.
    pub device_name: Option<String>,
    /// `san_dns`: the dNSNames, as A-labels.
    pub san_dns: Vec<String>,
    /// `san_rfc822`: the rfc822Names.
    pub san_rfc822: Vec<String>,
    /// `san_upn`: the user principal names.
    pub san_upn: Vec<String>,
    /// `san_uri`: the uniformResourceIdentifiers.
    pub san_uri: Vec<String>,
    /// `san_ip`: the iPAddresses.
    pub san_ip: Vec<IpAddr>,
    /// `spki_sha256`: the SHA-256 digest of the SubjectPublicKeyInfo.
    pub spki_sha256: Option<[u8; 32]>,
}

impl Claims {
    /// What every challenge must say; the caller adds at least one claim that names an identity.
    ///
    /// `nonce` must not have been used before by this issuer; 128 random bits will do.
    #[must_use]
    pub fn new(
        subject: impl Into<String>,
        nonce: Secret,
        issued_at: UnixTime,
        expires: UnixTime,
    ) -> Self {
        Self {
            subject: Some(subject.into()),
            nonce: Some(nonce),
            issued_at: Some(issued_at),
            expires: Some(expires),
            ..Self::default()
        }
    }

    /// Reads a payload whose signature was verified.
    pub(super) fn read(payload: &[u8], compatibility: Compatibility) -> Result<Self, Error> {
        let mut members = ClaimMembers { claims: Self::default(), version: None, compatibility };
        let read = read_object(payload, Part::Payload, &mut members);
        // Another version may give claims other types, so an unknown version is told before a fault in the claims.
        let version = match &read {
            Ok(()) => members.version,
            Err(_) => read_version(payload, compatibility).unwrap_or_default(),
        };
        match version {
            Some(version) if version != "v1" => Err(Error::UnknownVersion { version }),
            _ => {
                read?;
                members.claims.check_values()?;
                Ok(members.claims)
            }
        }
    }

    /// That all is there that a store and a clock need, and a claim that names an identity.
    pub(super) fn check_presence(&self, compatibility: Compatibility) -> Result<(), Malformed> {
        let required = [
            (Claim::Expires, self.expires.is_some()),
            (Claim::IssuedAt, self.issued_at.is_some()),
            (Claim::Nonce, self.nonce.is_some()),
            (Claim::Subject, self.subject.is_some()),
        ];
        let missing = required.into_iter().find(|(_, present)| !present);
        match missing {
            Some((claim, _)) if !compatibility.grants(Leniency::OptionalClaims) => {
                Err(Malformed::MissingClaim(claim))
            }
            _ if self.expires.is_none() && self.issued_at.is_none() => Err(Malformed::Unlimited),
            _ if !self.names_anything() && self.spki_sha256.is_none() => Err(Malformed::NoIdentity),
            _ => Ok(()),
        }
    }

    /// Whether a claim says what a name must be.
    pub(super) fn names_anything(&self) -> bool {
        self.device_name.is_some() || ClaimedName::all(self).next().is_some()
    }

    /// That each text is one that its claim may have.
    pub(super) fn check_values(&self) -> Result<(), Malformed> {
        let texts = [
            (Claim::Issuer, self.issuer.as_deref()),
            (Claim::Subject, self.subject.as_deref()),
            (Claim::Audience, self.audience.as_deref()),
            (Claim::Nonce, self.nonce.as_ref().map(Secret::expose)),
        ];
        if let Some((claim, _)) = texts.into_iter().find(|(_, text)| *text == Some("")) {
            return Err(Malformed::Claim(claim));
        }
        if !self.device_name.as_deref().is_none_or(is_name) {
            return Err(Malformed::Claim(Claim::DeviceName));
        }
        if let Some(name) = ClaimedName::all(self).find(|name| !name.is_allowed()) {
            return Err(Malformed::Claim(name.kind().claim()));
        }
        match ClaimedName::all(self).count() {
            found if found > MAX_NAMES => Err(Malformed::TooManyNames { found, limit: MAX_NAMES }),
            _ => Ok(()),
        }
    }
}

struct ClaimMembers {
    claims: Claims,
    version: Option<String>,
    compatibility: Compatibility,
}

impl Members for ClaimMembers {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
        faults: &Faults,
    ) -> Result<Member, A::Error> {
        let Some(claim) = Claim::from_name(name) else { return Ok(Member::Unknown) };
        let mut value = ClaimValue { claim, values, faults, compatibility: self.compatibility };
        let claims = &mut self.claims;
        match claim {
            Claim::Version => self.version = value.text()?,
            Claim::Issuer => claims.issuer = value.text()?,
            Claim::Subject => claims.subject = value.text()?,
            Claim::Audience => claims.audience = value.text()?,
            Claim::IssuedAt => claims.issued_at = value.time()?,
            Claim::Expires => claims.expires = value.time()?,
            Claim::Nonce => claims.nonce = value.text()?.map(Secret::new),
            Claim::DeviceName => claims.device_name = value.text()?,
            Claim::SanDns => claims.san_dns = value.list()?,
            Claim::SanRfc822 => claims.san_rfc822 = value.list()?,
            Claim::SanUpn => claims.san_upn = value.list()?,
            Claim::SanUri => claims.san_uri = value.list()?,
            Claim::SanIp => claims.san_ip = value.addresses()?,
            Claim::SpkiSha256 => claims.spki_sha256 = value.digest()?,
        }
        Ok(Member::Taken)
    }
}

/// The value of one claim, not read yet.
struct ClaimValue<'a, A> {
    claim: Claim,
    values: &'a mut A,
    faults: &'a Faults,
    compatibility: Compatibility,
}

impl<'de, A: MapAccess<'de>> ClaimValue<'_, A> {
    /// A value of this type; `null` is none, which only a leniency makes the same as an absent claim.
    fn optional<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, A::Error> {
        let value: Option<T> = self.values.next_value().map_err(|_| self.fault())?;
        if value.is_none() && !self.lenient() {
            return Err(self.fault());
        }
        Ok(value)
    }

    fn text(&mut self) -> Result<Option<String>, A::Error> {
        let lenient = self.lenient();
        Ok(self.optional()?.filter(|text: &String| !lenient || !text.is_empty()))
    }

    fn time(&mut self) -> Result<Option<UnixTime>, A::Error> {
        let lenient = self.lenient();
        let seconds = self.optional()?.filter(|seconds: &i64| !lenient || *seconds > 0);
        Ok(seconds.map(UnixTime::from_secs))
    }

    fn list(&mut self) -> Result<Vec<String>, A::Error> {
        Ok(self.optional()?.unwrap_or_default())
    }

    fn addresses(&mut self) -> Result<Vec<IpAddr>, A::Error> {
        let texts = self.list()?;
        let addresses = texts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        addresses.map_err(|_| self.fault())
    }

    fn digest(&mut self) -> Result<Option<[u8; 32]>, A::Error> {
        let Some(text) = self.text()? else { return Ok(None) };
        sha256(&text).map(Some).ok_or_else(|| self.fault())
    }

    fn lenient(&self) -> bool {
        self.compatibility.grants(Leniency::OptionalClaims)
    }

    fn fault(&self) -> A::Error {
        self.faults.refuse(Malformed::Claim(self.claim))
    }
}

/// The `version` of a payload whose other claims are not what we expect.
fn read_version(payload: &[u8], compatibility: Compatibility) -> Result<Option<String>, Malformed> {
    struct OnlyVersion(Option<String>, Compatibility);

    impl Members for OnlyVersion {
        fn member<'de, A: MapAccess<'de>>(
            &mut self,
            name: &str,
            values: &mut A,
            faults: &Faults,
        ) -> Result<Member, A::Error> {
            if name != Claim::Version.name() {
                return Ok(Member::Unknown);
            }
            let claim = Claim::Version;
            self.0 = ClaimValue { claim, values, faults, compatibility: self.1 }.text()?;
            Ok(Member::Taken)
        }
    }

    let mut members = OnlyVersion(None, compatibility);
    read_object(payload, Part::Payload, &mut members).map(|()| members.0)
}
