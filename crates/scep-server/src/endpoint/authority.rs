use std::fmt;
use std::sync::Arc;

use scep_ca::{Issuer, Profiles};
use scep_types::{Certificate, DecryptionKey, KeyKind, SigningKey};

use crate::Signing;

/// The CA that an endpoint issues for, the RA that speaks for it, and what may be issued.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Whose name is on the certificates.
    pub ca: CertificateAuthority,
    /// Who opens requests and signs answers; it may be the CA.
    pub ra: RegistrationAuthority,
    /// What a CSR may become, by the use it asks for.
    pub profiles: Profiles,
}

/// A CA and its key.
#[derive(Debug, Clone)]
pub struct CertificateAuthority {
    /// Its certificate, checked to be able to issue.
    pub issuer: Issuer,
    /// Its key.
    pub signing: Signing,
    /// The certificates above it, that of its own issuer first; empty for a root.
    pub chain: Vec<Certificate>,
}

/// The certificates and keys of messages (RFC 8894 §2.1.3): one certificate for both purposes, or one for each.
#[derive(Debug, Clone)]
pub struct RegistrationAuthority {
    /// The certificate that answers are signed with.
    pub certificate: Certificate,
    /// Its key.
    pub signing: Signing,
    /// Whom requests may be encrypted to: GetCACert hands out the first; the others still open what clients send that
    /// keep an older one. Empty where no key can decrypt, as none on a curve can: requests are then encrypted by the
    /// password that device and endpoint share (RFC 8894 §3.1), which only [`Mode::Static`](crate::Mode::Static) has.
    pub recipients: Vec<RecipientKey>,
    /// RAs that were handed out before: each opens what is encrypted to it and signs the answer, since a client that
    /// keeps an older GetCACert answer believes no other. Theirs are not looked at.
    pub earlier: Vec<Self>,
}

/// The CA that takes over from this one: GetNextCACert hands out its certificates (RFC 8894 §4.7).
#[derive(Debug, Clone)]
pub enum NextAuthority {
    /// It is made known, and no more: a request that is encrypted to it already is refused like any that is for others,
    /// until the endpoint is built anew with it.
    Announced {
        /// Its certificate; it may begin in the future.
        ca: Certificate,
        /// The certificates of its RA; empty if it is its own.
        ra: Vec<Certificate>,
    },
    /// It issues already to whoever encrypts to it (RFC 8894 §5.1), by the endpoint's one mode, limits and store.
    ///
    /// It may begin in the future, so its [`Issuer`] is checked at that moment; what it signs before is dated from
    /// there, since nothing is valid before its issuer is. Its profiles name its own CRL, not that of the CA before it.
    Issuing(Authority),
}

/// A certificate that requests are encrypted to, and its key.
#[derive(Clone)]
pub struct RecipientKey {
    /// The certificate.
    pub certificate: Certificate,
    /// Its private key, used on the worker pool.
    pub key: Arc<dyn DecryptionKey>,
}

impl CertificateAuthority {
    /// A root whose key is at hand.
    #[must_use]
    pub fn root(issuer: Issuer, key: Arc<dyn SigningKey>) -> Self {
        Self { issuer, signing: Signing::Local(key), chain: Vec::new() }
    }
}

impl RegistrationAuthority {
    /// An RA with one certificate, whose key signs, and decrypts if it is one that can.
    #[must_use]
    pub fn new<K>(certificate: Certificate, key: Arc<K>) -> Self
    where
        K: SigningKey + DecryptionKey + 'static,
    {
        let signing = Signing::Local(key.clone());
        Self::signing_only(certificate, signing).with_recipient_of_its_own(key)
    }

    /// No RA: the CA's own key signs the answers, and opens the requests if it is one that can.
    #[must_use]
    pub fn of_ca(ca: &CertificateAuthority, key: Arc<dyn DecryptionKey>) -> Self {
        let certificate = ca.issuer.certificate().clone();
        Self::signing_only(certificate, ca.signing.clone()).with_recipient_of_its_own(key)
    }

    /// An RA whose key signs and opens nothing: requests are encrypted by a password, or to what is put into
    /// `recipients`.
    #[must_use]
    pub fn signing_only(certificate: Certificate, signing: Signing) -> Self {
        Self { certificate, signing, recipients: Vec::new(), earlier: Vec::new() }
    }

    /// The same RA after others, whose clients are still served.
    #[must_use]
    pub fn with_earlier(self, earlier: Vec<Self>) -> Self {
        Self { earlier, ..self }
    }

    fn with_recipient_of_its_own(mut self, key: Arc<dyn DecryptionKey>) -> Self {
        if self.certificate.key_kind().is_ok_and(KeyKind::can_encrypt) {
            self.recipients.push(RecipientKey { certificate: self.certificate.clone(), key });
        }
        self
    }

    /// This RA, then the earlier ones.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.earlier)
    }

    /// All that open requests, each with the RA whose it is.
    pub(crate) fn openers(&self) -> impl Iterator<Item = (&Self, &RecipientKey)> {
        self.all().flat_map(|ra| ra.recipients.iter().map(move |recipient| (ra, recipient)))
    }

    /// The certificates that are handed out: the signer's, and the recipient's if it is another.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let recipient = self.recipients.first().map(|recipient| &recipient.certificate);
        let other = recipient.filter(|certificate| **certificate != self.certificate);
        std::iter::once(&self.certificate).chain(other)
    }
}

impl NextAuthority {
    /// What is handed out, the RA first.
    pub(crate) fn certificates(&self) -> Vec<&Certificate> {
        match self {
            Self::Announced { ca, ra } => ra.iter().chain([ca]).collect(),
            Self::Issuing(authority) => {
                let ca = authority.ca.issuer.certificate();
                let ra = authority.ra.certificates().filter(|certificate| *certificate != ca);
                ra.chain([ca]).collect()
            }
        }
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key: _ } = self;
        f.debug_struct("RecipientKey").field("certificate", certificate).finish_non_exhaustive()
    }
}
