use std::fmt;

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{
    Authorization, Certificate, DigestProvider, KeyUsage, Name, SignatureScheme, SigningKey,
    Validity,
};

use crate::extension::{self, Criticality};
use crate::issuer::key_identifier;
use crate::unsigned::Unsigned;
use crate::{Admitted, Error, Issuer, KeyRefusal, Refusal, Serial, lint, validity};

/// A certificate that passed the lint and waits for its signature.
pub struct Prepared {
    unsigned: Unsigned,
    serial: Serial,
    authorization: Authorization,
}

/// A certificate that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    certificate: Certificate,
    authorization: Authorization,
}

/// What the certificate says beside what was admitted.
pub(crate) struct Particulars<'a> {
    pub(crate) admitted: &'a Admitted,
    pub(crate) issuer: &'a Issuer,
    pub(crate) serial: Serial,
    pub(crate) validity: Validity,
    pub(crate) key_identifier: [u8; 20],
}

impl Admitted {
    /// Writes the certificate around the CSR's own octets and lints it; `digest` makes the subjectKeyIdentifier.
    ///
    /// # Errors
    /// [`Error::UnusableIssuer`] if the issuer was not valid when the CSR was admitted or may not sign certificates,
    /// [`Error::KeyNotAllowed`] or [`Error::Refused`] for the issuer's own key or name, [`Error::Crypto`],
    /// [`Error::Lint`].
    pub fn prepare(
        self,
        serial: Serial,
        issuer: &Issuer,
        digest: &dyn DigestProvider,
    ) -> Result<Prepared, Error> {
        issuer.check_may(KeyUsage::KEY_CERT_SIGN)?;
        self.check_not(issuer)?;
        let particulars = Particulars {
            validity: validity::within(
                issuer.certificate().validity(),
                self.validity(),
                self.at(),
            )?,
            key_identifier: key_identifier(self.csr().spki(), digest)?,
            admitted: &self,
            issuer,
            serial,
        };
        let bytes = particulars.to_be_signed();
        lint::certificate(&bytes, &particulars).map_err(Error::Lint)?;
        let unsigned = Unsigned { bytes, issuer: issuer.clone() };
        Ok(Prepared { unsigned, serial, authorization: self.into_authorization() })
    }

    /// An end entity with the name or the key of its CA could be taken for it.
    fn check_not(&self, issuer: &Issuer) -> Result<(), Error> {
        if self.csr().spki() == issuer.certificate().spki() {
            return Err(Error::KeyNotAllowed(KeyRefusal::OfIssuer));
        }
        if is_same_name(self.csr().subject(), issuer.certificate().subject()) {
            return Err(Error::Refused(Refusal::SubjectOfIssuer));
        }
        Ok(())
    }
}

impl Prepared {
    /// The TBSCertificate, DER, to be signed by [`Prepared::scheme`].
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.unsigned.bytes
    }

    /// How it is to be signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.unsigned.issuer.scheme()
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Puts the issuer's signature under it; ECDSA signatures are DER `SEQUENCE { r, s }`.
    ///
    /// The signature is not verified here: whoever gets it from afar can, with
    /// [`Certificate::verify_signature`].
    ///
    /// # Errors
    /// [`Misuse::Signature`](crate::Misuse::Signature) if the octets cannot be a signature by this scheme.
    pub fn assemble(self, signature: &[u8]) -> Result<Issued, Error> {
        let certificate = Certificate::parse(self.unsigned.assemble(signature)?)?;
        Ok(Issued { certificate, authorization: self.authorization })
    }

    /// Signs it with a key at hand.
    ///
    /// # Errors
    /// [`Misuse::KeyOfAnotherIssuer`](crate::Misuse::KeyOfAnotherIssuer) or [`Error::Crypto`].
    pub fn sign_with(self, key: &dyn SigningKey) -> Result<Issued, Error> {
        let certificate = Certificate::parse(self.unsigned.sign_with(key)?)?;
        Ok(Issued { certificate, authorization: self.authorization })
    }
}

impl Issued {
    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate, without the rest.
    #[must_use]
    pub fn into_certificate(self) -> Certificate {
        self.certificate
    }

    /// Who allowed it, and why.
    #[must_use]
    pub fn authorization(&self) -> &Authorization {
        &self.authorization
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("serial", &self.serial)
            .field("issuer", &self.unsigned.issuer)
            .field("authorization", &self.authorization)
            .finish_non_exhaustive()
    }
}

impl Particulars<'_> {
    /// `TBSCertificate ::= SEQUENCE { version [0] 2, serialNumber, signature, issuer, validity, subject,
    /// subjectPublicKeyInfo, extensions [3] SEQUENCE OF Extension }` (RFC 5280 §4.1).
    fn to_be_signed(&self) -> Vec<u8> {
        let csr = self.admitted.csr();
        let subject = self.issuer.certificate().subject();
        let mut der = DerWriter::with_capacity(csr.der().len() + subject.der().len() + ROOM);
        der.sequence(|der| {
            der.constructed(Tag::context(0), |der| der.unsigned(2_u8));
            self.serial.write(der);
            der.raw(self.issuer.algorithm());
            der.raw(subject.der());
            self.validity.write(der);
            der.raw(csr.subject().der());
            der.raw(csr.spki());
            der.constructed(Tag::context(3), |der| der.sequence(|der| self.extensions(der)));
        });
        der.into_vec()
    }

    fn extensions(&self, der: &mut DerWriter) {
        use Criticality::{Critical, NonCritical};
        let admitted = self.admitted;
        extension::write(der, &oid::AUTHORITY_KEY_IDENTIFIER, NonCritical, |der| {
            der.raw(self.issuer.authority_key_identifier());
        });
        extension::write(der, &oid::SUBJECT_KEY_IDENTIFIER, NonCritical, |der| {
            der.primitive(Tag::OCTET_STRING, &self.key_identifier);
        });
        extension::write(der, &oid::KEY_USAGE, Critical, |der| {
            der.raw(&admitted.key_usage().to_extension());
        });
        // cA is FALSE by default and so not written.
        extension::write(der, &oid::BASIC_CONSTRAINTS, Critical, |der| der.sequence(|_| ()));
        if !admitted.extended_key_usages().is_empty() {
            extension::write(der, &oid::EXTENDED_KEY_USAGE, NonCritical, |der| {
                let usages = admitted.extended_key_usages();
                der.sequence(|der| usages.iter().for_each(|usage| der.oid(usage)));
            });
        }
        if admitted.subject_alt_names().next().is_some() {
            extension::write(der, &oid::SUBJECT_ALT_NAME, self.san_criticality(), |der| {
                let mut names = admitted.subject_alt_names();
                der.sequence(|der| names.by_ref().for_each(|name| der.raw(name.der())));
            });
        }
        if let Some(sid) = admitted.sid() {
            let oid = &oid::MS_NTDS_CA_SECURITY_EXT;
            extension::write(der, oid, NonCritical, |der| der.raw(&sid.to_extension()));
        }
        for (oid, value) in admitted.constant_extensions() {
            extension::write(der, oid, NonCritical, |der| der.raw(value));
        }
        for copied in admitted.copied_extensions() {
            let criticality = if copied.critical { Critical } else { NonCritical };
            extension::write(der, &copied.oid, criticality, |der| der.raw(&copied.value));
        }
    }

    /// RFC 5280 §4.1.2.6: critical if the subject is empty.
    pub(crate) fn san_criticality(&self) -> Criticality {
        if self.admitted.csr().subject().is_empty() {
            Criticality::Critical
        } else {
            Criticality::NonCritical
        }
    }
}

/// Whether two names match; those of another shape, nearly all, are told apart without folding their text.
fn is_same_name(one: &Name, other: &Name) -> bool {
    let shape = |name| Name::attributes(name).map(|attribute| (attribute.oid, attribute.rdn));
    shape(one).eq(shape(other)) && one.matches(other)
}

/// Octets beyond those of the CSR and the issuer's name that a certificate may need before its buffer grows.
const ROOM: usize = 512;
