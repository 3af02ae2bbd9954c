//! CA and RA certificates as an operator would make them.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use scep_ca::{Profile, ProfileConfig, Profiles};
use scep_server::{Authority, CertificateAuthority, NextAuthority, RegistrationAuthority};
use scep_types::Certificate;

use super::{DAY, NOW, key, key_pem, provider};

pub(crate) const CA_USAGES: &[KeyUsagePurpose] =
    &[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
pub(crate) const RA_USAGES: &[KeyUsagePurpose] =
    &[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];

/// One certificate to make.
pub(crate) struct Template {
    pub(crate) common_name: &'static str,
    pub(crate) key: &'static str,
    pub(crate) usages: Vec<KeyUsagePurpose>,
    pub(crate) ca: bool,
    pub(crate) not_before: (i32, u8, u8),
    pub(crate) not_after: (i32, u8, u8),
}

impl Template {
    pub(crate) fn ca() -> Self {
        Self {
            common_name: "Test CA",
            key: "rsa2048-ca",
            usages: CA_USAGES.to_vec(),
            ca: true,
            not_before: (2026, 1, 1),
            not_after: (2036, 1, 1),
        }
    }

    /// A CA that is its own RA.
    pub(crate) fn ca_as_ra() -> Self {
        Self { usages: [CA_USAGES, RA_USAGES].concat(), ..Self::ca() }
    }

    pub(crate) fn ra() -> Self {
        Self {
            common_name: "Test RA",
            key: "rsa2048-ra",
            usages: RA_USAGES.to_vec(),
            ca: false,
            not_before: (2026, 1, 1),
            not_after: (2036, 1, 1),
        }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name);
        let (year, month, day) = self.not_before;
        params.not_before = date_time_ymd(year, month, day);
        let (year, month, day) = self.not_after;
        params.not_after = date_time_ymd(year, month, day);
        params.key_usages.clone_from(&self.usages);
        if self.ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        } else {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }
        params.use_authority_key_identifier_extension = true;
        params
    }

    fn key_pair(&self) -> KeyPair {
        KeyPair::from_pem(&key_pem(self.key)).unwrap()
    }

    pub(crate) fn self_signed(&self) -> Certificate {
        let certificate = self.params().self_signed(&self.key_pair()).unwrap();
        Certificate::parse(certificate.der().to_vec()).unwrap()
    }

    pub(crate) fn issued_by(&self, issuer: &Self) -> Certificate {
        self.sign(&self.params(), issuer)
    }

    /// With a serial number that was given to something else.
    pub(crate) fn issued_by_as(&self, issuer: &Self, serial: &[u8]) -> Certificate {
        let mut params = self.params();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        self.sign(&params, issuer)
    }

    fn sign(&self, params: &CertificateParams, issuer: &Self) -> Certificate {
        let issuer_key = issuer.key_pair();
        let issuer = Issuer::new(issuer.params(), &issuer_key);
        let certificate = params.signed_by(&self.key_pair(), &issuer).unwrap();
        Certificate::parse(certificate.der().to_vec()).unwrap()
    }
}

/// A CA with an RA beside it, made once.
pub(crate) fn authority() -> Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| with_ra(&Template::ca(), &Template::ra())).clone()
}

pub(crate) fn with_ra(ca: &Template, ra: &Template) -> Authority {
    let ra = RegistrationAuthority::new(ra.issued_by(ca), key(ra.key));
    Authority { ca: certificate_authority(ca), ra, profiles: profiles() }
}

/// A CA that speaks for itself.
pub(crate) fn ca_alone() -> Authority {
    let ca = certificate_authority(&Template::ca_as_ra());
    let ra = RegistrationAuthority::of_ca(&ca, key("rsa2048-ca"));
    Authority { ca, ra, profiles: profiles() }
}

pub(crate) fn certificate_authority(template: &Template) -> CertificateAuthority {
    let certificate = template.self_signed();
    let begun = NOW.max(certificate.validity().not_before);
    let issuer = scep_ca::Issuer::new(certificate, provider().digest, begun).unwrap();
    CertificateAuthority::root(issuer, key(template.key))
}

/// A CA that takes over, and issues already.
pub(crate) fn next(ca: &Template, ra: &Template) -> NextAuthority {
    NextAuthority::Issuing(with_ra(ca, ra))
}

pub(crate) fn profiles() -> Profiles {
    Profiles::new(Profile::new(ProfileConfig::new(DAY * 30)).unwrap())
}
