use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{KeyUsage, SignatureScheme, SigningKey, UnixTime};

use crate::extension::{self, Criticality};
use crate::unsigned::Unsigned;
use crate::{Error, Issuer, Misuse, Serial, lint};

/// Collects revoked certificates for a complete CRL (RFC 5280 §5).
///
/// ```no_run
/// # use std::time::Duration;
/// # use scep_ca::{CrlBuilder, Error, Issuer, RevocationReason, RevokedCertificate, Serial};
/// # use scep_types::{SigningKey, UnixTime};
/// # fn crl(serial: Serial, issuer: &Issuer, key: &dyn SigningKey, now: UnixTime) -> Result<(), Error> {
/// let mut builder = CrlBuilder::new();
/// let reason = RevocationReason::KeyCompromise;
/// builder.revoke(RevokedCertificate { serial, revoked_at: now, reason })?;
/// let next_update = now.plus(Duration::from_secs(7 * 86_400));
/// let crl = builder.prepare(42, now, next_update, issuer)?.sign_with(key)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CrlBuilder {
    revoked: Vec<RevokedCertificate>,
    serials: HashSet<Serial>,
}

/// One entry of a CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// The certificate's serial number.
    pub serial: Serial,
    /// When it was revoked.
    pub revoked_at: UnixTime,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a certificate was revoked (RFC 5280 §5.3.1); `removeFromCRL` belongs to delta CRLs, which are not made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RevocationReason {
    /// Nothing is said; the entry then has no reasonCode.
    #[default]
    Unspecified,
    /// The private key is or may be known to others.
    KeyCompromise,
    /// The CA's key is.
    CaCompromise,
    /// The holder's name or other data changed.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// It is on hold.
    CertificateHold,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn,
    /// An attribute authority's key is or may be known to others.
    AaCompromise,
}

impl RevocationReason {
    /// The ENUMERATED value of `CRLReason`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
        }
    }

    /// The reason with this value, or `None` for one that no entry can have.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }
}

/// A CRL that passed the lint and waits for its signature.
pub struct PreparedCrl {
    unsigned: Unsigned,
    facts: Facts,
}

/// A CRL that was issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    der: Bytes,
    facts: Facts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    number: u64,
    this_update: UnixTime,
    next_update: UnixTime,
}

impl CrlBuilder {
    /// A CRL without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Misuse::RevokedTwice`] if the serial number is there already.
    pub fn revoke(&mut self, certificate: RevokedCertificate) -> Result<(), Error> {
        if !self.serials.insert(certificate.serial) {
            return Err(Error::ApiMisuse(Misuse::RevokedTwice(certificate.serial)));
        }
        self.revoked.push(certificate);
        Ok(())
    }

    /// Writes the CRL and lints it. `number` must grow from CRL to CRL (RFC 5280 §5.2.3).
    ///
    /// # Errors
    /// [`Misuse::Updates`], [`Error::UnusableIssuer`] if it is not valid at `this_update` or may not sign CRLs,
    /// [`Error::Lint`].
    pub fn prepare(
        self,
        number: u64,
        this_update: UnixTime,
        next_update: UnixTime,
        issuer: &Issuer,
    ) -> Result<PreparedCrl, Error> {
        issuer.check_may(KeyUsage::CRL_SIGN)?;
        issuer.check_valid(this_update)?;
        if next_update <= this_update {
            return Err(Error::ApiMisuse(Misuse::Updates { this_update, next_update }));
        }
        let facts = Facts { number, this_update, next_update };
        let bytes = self.to_be_signed(facts, issuer);
        lint::crl(&bytes, &facts.expected(&self.revoked, issuer)).map_err(Error::Lint)?;
        Ok(PreparedCrl { unsigned: Unsigned { bytes, issuer: issuer.clone() }, facts })
    }

    /// `TBSCertList ::= SEQUENCE { version 1, signature, issuer, thisUpdate, nextUpdate, revokedCertificates SEQUENCE OF …
    /// OPTIONAL, crlExtensions [0] }` (RFC 5280 §5.1).
    fn to_be_signed(&self, facts: Facts, issuer: &Issuer) -> Vec<u8> {
        let room = self.revoked.len().saturating_mul(ENTRY_ROOM).saturating_add(ROOM);
        let mut der = DerWriter::with_capacity(room);
        der.sequence(|der| {
            der.unsigned(1_u8);
            der.raw(issuer.algorithm());
            der.raw(issuer.certificate().subject().der());
            facts.this_update.write(der);
            facts.next_update.write(der);
            if !self.revoked.is_empty() {
                der.sequence(|der| self.revoked.iter().for_each(|entry| entry.write(der)));
            }
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    let authority = &oid::AUTHORITY_KEY_IDENTIFIER;
                    extension::write(der, authority, Criticality::NonCritical, |der| {
                        der.raw(issuer.authority_key_identifier());
                    });
                    extension::write(der, &oid::CRL_NUMBER, Criticality::NonCritical, |der| {
                        der.unsigned(facts.number);
                    });
                });
            });
        });
        der.into_vec()
    }
}

impl RevokedCertificate {
    /// `SEQUENCE { userCertificate, revocationDate, crlEntryExtensions OPTIONAL }`
    fn write(&self, der: &mut DerWriter) {
        der.sequence(|der| {
            self.serial.write(der);
            self.revoked_at.write(der);
            // RFC 5280 §5.3.1: the reason code should be absent instead of unspecified.
            if self.reason != RevocationReason::Unspecified {
                der.sequence(|der| {
                    extension::write(der, &oid::CRL_REASON, Criticality::NonCritical, |der| {
                        der.primitive(Tag::ENUMERATED, &[self.reason.code()]);
                    });
                });
            }
        });
    }
}

impl Facts {
    fn expected<'a>(
        self,
        revoked: &'a [RevokedCertificate],
        issuer: &'a Issuer,
    ) -> lint::ExpectedCrl<'a> {
        let Self { number, this_update, next_update } = self;
        lint::ExpectedCrl { revoked, issuer, number, this_update, next_update }
    }
}

impl PreparedCrl {
    /// The TBSCertList, DER, to be signed by [`PreparedCrl::scheme`].
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.unsigned.bytes
    }

    /// How it is to be signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.unsigned.issuer.scheme()
    }

    /// Puts the issuer's signature under it; ECDSA signatures are DER `SEQUENCE { r, s }`.
    ///
    /// # Errors
    /// [`Misuse::Signature`] if the octets cannot be a signature by this scheme.
    pub fn assemble(self, signature: &[u8]) -> Result<Crl, Error> {
        Ok(Crl { der: self.unsigned.assemble(signature)?, facts: self.facts })
    }

    /// Signs it with a key at hand.
    ///
    /// # Errors
    /// [`Misuse::KeyOfAnotherIssuer`] or [`Error::Crypto`].
    pub fn sign_with(self, key: &dyn SigningKey) -> Result<Crl, Error> {
        Ok(Crl { der: self.unsigned.sign_with(key)?, facts: self.facts })
    }
}

impl Crl {
    /// The CertificateList, DER.
    #[must_use]
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.facts.number
    }

    /// When it was made.
    #[must_use]
    pub fn this_update(&self) -> UnixTime {
        self.facts.this_update
    }

    /// When the next one comes at the latest.
    #[must_use]
    pub fn next_update(&self) -> UnixTime {
        self.facts.next_update
    }
}

impl fmt::Debug for PreparedCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedCrl")
            .field("facts", &self.facts)
            .field("issuer", &self.unsigned.issuer)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Octets of an entry with a serial number of ours and a reason.
const ENTRY_ROOM: usize = 56;
/// Octets of everything else.
const ROOM: usize = 512;
