use std::fmt;
use std::sync::Arc;

use scep_types::asn1::Reader;
use scep_types::oid::{self, Oid};
use scep_types::{
    Authorization, Csr, Extension, GeneralName, KeyUsage, UnixTime, Validity, VerifiedCsr,
};

use crate::sid::{self, Sid};
use crate::{
    EmptySubject, Error, Misuse, ProfileConfig, ProfileDefect, Refusal, SanType, SidExtension,
    Unlisted, extension, validity,
};

/// What a CSR may become: a [`ProfileConfig`] that was checked. Clones share it.
#[derive(Clone)]
pub struct Profile(Arc<Inner>);

struct Inner {
    config: ProfileConfig,
    /// The extensions that are the same in every certificate: type and value, none critical.
    constant_extensions: Vec<(Oid, Vec<u8>)>,
}

/// A CSR that a profile admitted, and all that was decided about its certificate. It makes one certificate.
pub struct Admitted {
    profile: Profile,
    csr: VerifiedCsr,
    authorization: Authorization,
    at: UnixTime,
    validity: Validity,
    key_usage: KeyUsage,
    extended_key_usages: Vec<Oid>,
    sid: Option<Sid>,
}

impl Profile {
    /// Checks a configuration.
    ///
    /// # Errors
    /// [`Error::InvalidProfile`].
    pub fn new(config: ProfileConfig) -> Result<Self, Error> {
        check_config(&config).map_err(Error::InvalidProfile)?;
        let constant_extensions = constant_extensions(&config);
        Ok(Self(Arc::new(Inner { config, constant_extensions })))
    }

    /// Decides what certificate this CSR may become, if any; `now` is when it is admitted.
    ///
    /// # Errors
    /// [`Misuse::AuthorizationForAnotherCsr`], [`Error::KeyNotAllowed`], [`Error::Refused`], or [`Error::Malformed`] for
    /// a part of the CSR that only this profile reads.
    pub fn admit(
        &self,
        csr: &VerifiedCsr,
        authorization: Authorization,
        now: UnixTime,
    ) -> Result<Admitted, Error> {
        if !authorization.covers(csr) {
            return Err(Error::ApiMisuse(Misuse::AuthorizationForAnotherCsr));
        }
        let config = &self.0.config;
        config.keys.check(csr)?;
        self.check_names(csr, &authorization)?;
        self.check_copied(csr)?;
        Ok(Admitted {
            profile: self.clone(),
            csr: csr.clone(),
            at: now,
            validity: validity::decide(config, csr, now),
            key_usage: config.key_usage.decide(csr)?,
            extended_key_usages: config.extended_key_usage.decide(csr)?,
            sid: Sid::decide(config.sid_extension, csr, &authorization)?,
            authorization,
        })
    }

    fn check_names(&self, csr: &Csr, authorization: &Authorization) -> Result<(), Error> {
        let policy = &self.0.config.subject_alt_names;
        let mut kept = 0_usize;
        for name in csr.subject_alt_names() {
            if self.keeps(name) {
                sid::check_assurance(policy.sid_uri, name, authorization)?;
                kept = kept.saturating_add(1);
            } else if policy.others == Unlisted::Refuse {
                return Err(Error::Refused(Refusal::Name(name.clone())));
            }
        }
        // RFC 5280 §4.1.2.6: an empty subject needs a subjectAltName.
        let nameless = kept == 0 || self.0.config.empty_subject == EmptySubject::Refuse;
        if csr.subject().is_empty() && nameless {
            return Err(Error::Refused(Refusal::EmptySubject));
        }
        Ok(())
    }

    fn check_copied(&self, csr: &Csr) -> Result<(), Error> {
        for extension in csr.extensions().iter().filter(|extension| self.copies(extension)) {
            let mut reader = Reader::der(&extension.value);
            let one_element = reader.any().and_then(|_| reader.finish());
            one_element.map_err(|_| Error::Refused(Refusal::MalformedExtension(extension.oid)))?;
        }
        Ok(())
    }

    fn keeps(&self, name: &GeneralName) -> bool {
        SanType::of(name).is_some_and(|kind| self.0.config.subject_alt_names.keep.contains(&kind))
    }

    fn copies(&self, extension: &Extension) -> bool {
        self.0.config.copied_extensions.contains(&extension.oid)
    }
}

impl Admitted {
    /// The CSR.
    #[must_use]
    pub fn csr(&self) -> &VerifiedCsr {
        &self.csr
    }

    /// Who allowed it, and why.
    #[must_use]
    pub fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// The subjectAltNames that come into the certificate, in the CSR's order.
    pub fn subject_alt_names(&self) -> impl Iterator<Item = &GeneralName> {
        self.csr.subject_alt_names().iter().filter(|name| self.profile.keeps(name))
    }

    /// The validity that the profile wants; the issuer's cuts it.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The keyUsage.
    #[must_use]
    pub fn key_usage(&self) -> KeyUsage {
        self.key_usage
    }

    /// The extended key usages; empty means no such extension.
    #[must_use]
    pub fn extended_key_usages(&self) -> &[Oid] {
        &self.extended_key_usages
    }

    /// When it was admitted.
    pub(crate) fn at(&self) -> UnixTime {
        self.at
    }

    pub(crate) fn sid(&self) -> Option<&Sid> {
        self.sid.as_ref()
    }

    /// The requested extensions that are copied.
    pub(crate) fn copied_extensions(&self) -> impl Iterator<Item = &Extension> {
        self.csr.extensions().iter().filter(|extension| self.profile.copies(extension))
    }

    /// The extensions that the profile puts into every certificate: type and value, none critical.
    pub(crate) fn constant_extensions(&self) -> &[(Oid, Vec<u8>)] {
        &self.profile.0.constant_extensions
    }

    pub(crate) fn into_authorization(self) -> Authorization {
        self.authorization
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.0.config).finish()
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("authorization", &self.authorization)
            .field("validity", &self.validity)
            .field("key_usage", &self.key_usage)
            .field("extended_key_usages", &self.extended_key_usages)
            .finish_non_exhaustive()
    }
}

fn check_config(config: &ProfileConfig) -> Result<(), ProfileDefect> {
    validity::check_config(config)?;
    config.keys.check_config()?;
    config.key_usage.check_config()?;
    config.extended_key_usage.check_config()?;
    let names = &config.subject_alt_names.keep;
    if let Some(name) = names.iter().find(|name| name.is_forbidden()) {
        return Err(ProfileDefect::ForbiddenName(*name));
    }
    if config.sid_extension != SidExtension::Never && !names.contains(&SanType::Uri) {
        return Err(ProfileDefect::SidWithoutUri);
    }
    if let Some(oid) = config.copied_extensions.iter().find(|oid| extension::is_forbidden(oid)) {
        return Err(ProfileDefect::ForbiddenExtension(*oid));
    }
    let mut urls = config.ocsp_urls.iter().chain(&config.ca_issuers_urls).chain(&config.crl_urls);
    match urls.find(|url| !is_url(url)) {
        Some(url) => Err(ProfileDefect::Url(url.clone())),
        None => Ok(()),
    }
}

/// Whether a GeneralName can carry it and a relying party can follow it (RFC 5280 §4.2.1.13, §4.2.2.1).
fn is_url(text: &str) -> bool {
    let rest = ["http://", "https://", "ldap://"].iter().find_map(|start| text.strip_prefix(start));
    rest.is_some_and(|rest| !rest.is_empty()) && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn constant_extensions(config: &ProfileConfig) -> Vec<(Oid, Vec<u8>)> {
    let (ocsp, issuers, crls) = (&config.ocsp_urls, &config.ca_issuers_urls, &config.crl_urls);
    let policies = &config.certificate_policies;
    let mut extensions = Vec::new();
    if !policies.is_empty() {
        extensions.push((oid::CERTIFICATE_POLICIES, extension::certificate_policies(policies)));
    }
    if !crls.is_empty() {
        extensions.push((oid::CRL_DISTRIBUTION_POINTS, extension::crl_distribution_points(crls)));
    }
    if !(ocsp.is_empty() && issuers.is_empty()) {
        let value = extension::authority_info_access(ocsp, issuers);
        extensions.push((oid::AUTHORITY_INFO_ACCESS, value));
    }
    extensions
}
