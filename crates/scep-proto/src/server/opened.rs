use bytes::Bytes;
use scep_types::asn1::{Reader, Tag};
use scep_types::{
    AlgorithmPolicy, Certificate, ContentKey, CryptoError, CryptoProvider, Csr, Name, Secret,
    SignatureScheme, SignatureVerifier, VerifiedCsr, VerifyingKey,
};
use zeroize::Zeroizing;

use super::lock::Content;
use super::reply::{Pending, Reply};
use super::sealed::{Rejected, Sealed, SealedKind};
use crate::cms::IssuerAndSerial;
use crate::error::{Error, Misbehaviour};

/// A request whose envelope was opened: exactly one of these, with exactly its data.
#[derive(Debug, Clone)]
#[must_use]
pub enum Opened {
    /// PKCSReq.
    Enrol(Enrolment),
    /// RenewalReq: the signer's certificate is to authorise it.
    Renew(Enrolment),
    /// GetCert.
    GetCert(Query),
    /// GetCRL.
    GetCrl(Query),
}

/// A request for a certificate. Its sender holds the CSR's private key and the signer's; nothing else is established.
#[derive(Debug, Clone)]
#[must_use]
pub struct Enrolment {
    /// The CSR, its own signature verified.
    pub csr: VerifiedCsr,
    /// Who signed the message.
    pub signer: Certificate,
    /// Which of our certificates it was encrypted to, as an index into the recipients; `None` if a password wrapped the
    /// key. A request to the next CA's is for a certificate of the next CA (RFC 8894 §5.1).
    pub recipient: Option<usize>,
    /// The password that wrapped the key, if one did. It says nothing of the CSR's challengePassword, which a host that has
    /// many passwords compares with it.
    pub password: Option<Secret>,
    /// The way to answer.
    pub reply: Reply,
}

/// A request for a certificate or CRL by issuer and serial number.
#[derive(Debug, Clone)]
#[must_use]
pub struct Query {
    /// The issuer.
    pub issuer: Name,
    /// Content octets of the serialNumber INTEGER.
    pub serial: Bytes,
    /// Who signed the message.
    pub signer: Certificate,
    /// The way to answer.
    pub reply: Reply,
}

impl Enrolment {
    /// Whether the signer's key is the CSR's, which stops a captured envelope from being wrapped anew (R-2.3-05).
    ///
    /// # Errors
    /// [`Misbehaviour::SignerBinding`] if it is another.
    pub fn check_same_key(&self) -> Result<(), Error> {
        if self.signer.spki() == self.csr.spki().as_ref() {
            Ok(())
        } else {
            Err(Misbehaviour::SignerBinding.into())
        }
    }
}

/// What the content key came from.
pub(super) enum OpenedWith {
    /// The key of one of our certificates, by its index.
    Key(usize),
    /// A password.
    Password(Secret),
    /// No password fitted: it is the fallback.
    NoPassword,
}

impl Query {
    /// Whether a GetCRL asks for the CRL of this CA: by a certificate that the CA issued, or by the CA's own, as sscep
    /// does (RFC 8894 §4.6).
    #[must_use]
    pub fn asks_for_crl_of(&self, ca: &Certificate) -> bool {
        let own = self.serial == ca.serial() && self.issuer.matches(ca.issuer());
        own || self.issuer.matches(ca.subject())
    }

    /// Whether a GetCert asks for this certificate.
    #[must_use]
    pub fn asks_for(&self, certificate: &Certificate) -> bool {
        self.serial == certificate.serial() && self.issuer.matches(certificate.issuer())
    }
}

/// Everything after the key unwrap: decrypt, read, verify the CSR. One path, one error (invariant 6).
pub(super) fn open(
    content: Content,
    key: &ContentKey,
    with: &OpenedWith,
    provider: &CryptoProvider,
    policy: AlgorithmPolicy,
) -> Result<Opened, Box<Rejected>> {
    let Content { sealed, envelope, cipher, iv } = content;
    let plaintext =
        provider.envelope.decrypt(cipher, key, &iv, envelope.ciphertext()).map(Zeroizing::new);
    if plaintext == Err(CryptoError::Unsupported) {
        return Err(sealed.rejected(CryptoError::Unsupported.into()));
    }
    match sealed.kind() {
        SealedKind::Enrol | SealedKind::Renew => {
            let verifier = SignerFirst { sealed: &sealed, others: provider.verify };
            match prove_csr(plaintext.ok(), &verifier, policy) {
                Ok(csr) => Ok(enrolment(sealed, csr, with, provider)),
                Err(refusal) => {
                    if !refusal.verified_a_signature {
                        same_work_as_a_bad_signature(&sealed);
                    }
                    Err(sealed.rejected(Error::Undecipherable(refusal.cause)))
                }
            }
        }
        SealedKind::GetCert | SealedKind::GetCrl => {
            match plaintext.ok().map(|plaintext| read_query(&plaintext)) {
                Some(Ok(query)) => Ok(certificate_query(sealed, query, with, provider)),
                _ => Err(sealed.rejected(Error::Undecipherable(None))),
            }
        }
    }
}

/// Why there is no proven CSR.
struct Refusal {
    cause: Option<scep_types::Error>,
    verified_a_signature: bool,
}

fn prove_csr(
    plaintext: Option<Zeroizing<Vec<u8>>>,
    verifier: &dyn SignatureVerifier,
    policy: AlgorithmPolicy,
) -> Result<VerifiedCsr, Refusal> {
    let refuse = |cause, verified_a_signature| Refusal { cause, verified_a_signature };
    let plaintext = plaintext.ok_or(refuse(None, false))?;
    // The buffer is zeroized when the last slice of the CSR is gone: it holds the challengePassword.
    let csr =
        Csr::parse(Bytes::from_owner(plaintext)).map_err(|error| refuse(Some(error), false))?;
    csr.verify(verifier, policy).map_err(|error| {
        let verified = error == scep_types::Error::Crypto(CryptoError::InvalidSignature);
        refuse(Some(error), verified)
    })
}

/// Verifies something that cannot verify, so that bad padding and a bad CSR cost the same RSA operation and cannot be
/// told apart by the clock.
fn same_work_as_a_bad_signature(sealed: &Sealed) {
    let result = sealed.signer_key().verify(sealed.signer().der(), &[1; 256]);
    std::hint::black_box(result.is_ok());
}

/// Verifies with the signer's key, parsed already, where it is the one; it signs the CSR too as a rule.
///
/// Another key costs a parse more, which tells nothing: only content that did decrypt holds a CSR.
struct SignerFirst<'a> {
    sealed: &'a Sealed,
    others: &'a dyn SignatureVerifier,
}

impl SignatureVerifier for SignerFirst<'_> {
    fn verify(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        if scheme == self.sealed.scheme() && spki == self.sealed.signer().spki() {
            self.sealed.signer_key().verify(message, signature)
        } else {
            self.others.verify(scheme, spki, message, signature)
        }
    }

    fn verifying_key(
        &self,
        scheme: SignatureScheme,
        spki: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        self.others.verifying_key(scheme, spki)
    }
}

fn enrolment(
    sealed: Sealed,
    csr: VerifiedCsr,
    with: &OpenedWith,
    provider: &CryptoProvider,
) -> Opened {
    let (kind, signer, reply) = sealed.into_parts();
    let reply = match csr.challenge_password() {
        Some(challenge) => reply.with_password(challenge, provider),
        None => reply.with_password_of(with, provider),
    };
    let (recipient, password) = match with {
        OpenedWith::Key(index) => (Some(*index), None),
        OpenedWith::Password(password) => (None, Some(password.clone())),
        OpenedWith::NoPassword => (None, None),
    };
    let enrolment = Enrolment { csr, signer, recipient, password, reply };
    match kind {
        SealedKind::Renew => Opened::Renew(enrolment),
        _ => Opened::Enrol(enrolment),
    }
}

/// `IssuerAndSerialNumber` (RFC 8894 §3.3.4).
fn read_query(plaintext: &[u8]) -> Result<IssuerAndSerial, Error> {
    let owner = Bytes::copy_from_slice(plaintext);
    let mut reader = Reader::ber(&owner);
    let query = IssuerAndSerial::read(&owner, &reader.expect(Tag::SEQUENCE)?)?;
    reader.finish()?;
    Ok(query)
}

fn certificate_query(
    sealed: Sealed,
    query: IssuerAndSerial,
    with: &OpenedWith,
    provider: &CryptoProvider,
) -> Opened {
    let (kind, signer, reply) = sealed.into_parts();
    let mut reply = reply.with_password_of(with, provider);
    reply.pending = Pending::Impossible;
    let IssuerAndSerial { issuer, serial } = query;
    let query = Query { issuer, serial, signer, reply };
    match kind {
        SealedKind::GetCrl => Opened::GetCrl(query),
        _ => Opened::GetCert(query),
    }
}
