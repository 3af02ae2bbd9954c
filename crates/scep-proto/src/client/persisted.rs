//! A pending enrolment as octets, so that it outlives the process (RFC 8894 §5.2).

use bytes::Bytes;
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::{
    Certificate, ContentCipher, CryptoProvider, Csr, DigestAlgorithm, UnixTime, spki_key_kind,
};
use zeroize::Zeroizing;

use super::enrolment::{Enrolment, Next, Step, Waiting};
use super::request::Algorithms;
use super::settings::EnrolmentSettings;
use super::transaction::{Message, MethodChanges, Pending, RequestForm, Transaction};
use crate::attributes::TransactionId;
use crate::ca_certificates::CaCertificates;
use crate::cms::MAX_CERTIFICATES;
use crate::error::{ApiMisuse, Error};
use crate::http::Method;

/// The only version there is.
const VERSION: u8 = 1;
/// Octets that are read; a CSR and a few certificates have a hundredth of it.
const MAX_OCTETS: usize = 1024 * 1024;

impl Waiting {
    /// The state of an enrolment that waits for approval, or `None` while it only waits for a server to come back.
    ///
    /// ```text
    /// PendingEnrolment ::= SEQUENCE { version INTEGER (1), until Time, deadline Time, polls OCTET STRING, message
    ///     ENUMERATED, transactionID, csr OCTET STRING, signer OCTET STRING, encryption OCTET STRING, ca Certificates,
    ///     alsoReply Certificates, digest OID, cipher OID, method ENUMERATED, methodChanges ENUMERATED, request ENUMERATED }
    /// Time ::= OCTET STRING (SIZE (8)), Certificates ::= SEQUENCE OF OCTET STRING
    /// ```
    ///
    /// No key is in it, but the CSR's challengePassword is: keep it as secret as a password. Whoever can change it
    /// decides which CA is believed.
    #[must_use]
    pub fn persist(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.next {
            Next::Poll(transaction) => transaction.pending.map(|pending| {
                let octets = Zeroizing::new(transaction.octets());
                let mut der = DerWriter::with_room_for(&[&octets], 64);
                der.sequence(|der| {
                    der.unsigned(VERSION);
                    write_time(der, self.until);
                    write_time(der, pending.deadline);
                    der.primitive(Tag::OCTET_STRING, &pending.polls.to_be_bytes());
                    write_enumerated(der, pending.message as u8);
                    der.raw(&octets);
                });
                Zeroizing::new(der.into_vec())
            }),
            Next::Resend(_) => None,
        }
    }
}

impl Enrolment {
    /// Goes on with an enrolment that waited for approval: the next step is to wait until the time for its next poll.
    ///
    /// `settings` are the host's, for instance those it began with; how the CA is known, and what has begun, is in the
    /// state.
    ///
    /// # Errors
    /// [`ApiMisuse::PersistedState`] for octets that [`Waiting::persist`] did not write;
    /// [`Unsupported`](crate::Unsupported) if the settings' policy does not allow the transaction's algorithms.
    pub fn restore(
        state: &[u8],
        settings: EnrolmentSettings,
        provider: CryptoProvider,
    ) -> Result<Step, Error> {
        let not_ours = |_| Error::from(ApiMisuse::PersistedState);
        if state.len() > MAX_OCTETS {
            return Err(ApiMisuse::PersistedState.into());
        }
        let (until, transaction) = read(state, settings, provider).map_err(not_ours)?;
        transaction.enrolment.settings.allow(transaction.algorithms)?;
        Ok(Step::Wait(Waiting { until, next: Next::Poll(Box::new(transaction)) }))
    }
}

impl Transaction {
    /// What stays the same from poll to poll.
    fn octets(&self) -> Vec<u8> {
        let Self { enrolment, ca, id, algorithms, method, method_changes, request, pending: _ } =
            self;
        let Enrolment { settings: _, csr, signer, provider: _ } = enrolment;
        let certificates = ca.certificates().iter().chain(ca.also_reply());
        let mut parts: Vec<&[u8]> = certificates.map(|c| c.der().as_ref()).collect();
        parts.extend([ca.encryption().der().as_ref(), csr.der(), signer.der(), id.der()]);
        // Room for all of it: a buffer that grows leaves copies of the challenge behind.
        let mut der = DerWriter::with_room_for(&parts, 1024);
        der.raw(id.der());
        der.primitive(Tag::OCTET_STRING, csr.der());
        der.primitive(Tag::OCTET_STRING, signer.der());
        der.primitive(Tag::OCTET_STRING, ca.encryption().der());
        write_certificates(&mut der, ca.certificates());
        write_certificates(&mut der, ca.also_reply());
        der.oid(&algorithms.digest.oid());
        der.oid(&algorithms.cipher.oid());
        write_enumerated(&mut der, *method as u8);
        write_enumerated(&mut der, *method_changes as u8);
        write_enumerated(&mut der, *request as u8);
        der.into_vec()
    }
}

fn read(
    state: &[u8],
    settings: EnrolmentSettings,
    provider: CryptoProvider,
) -> Result<(UnixTime, Transaction), Error> {
    let mut outer = Reader::der(state);
    let mut fields = outer.sequence()?;
    outer.finish()?;
    if fields.integer()? != [VERSION] {
        return Err(ApiMisuse::PersistedState.into());
    }
    let until = read_time(&mut fields)?;
    let deadline = read_time(&mut fields)?;
    let polls = u32::from_be_bytes(read_array(&mut fields)?);
    let message = read_enumerated(&mut fields, [Message::Request, Message::Poll])?;
    let id = TransactionId::read(&Bytes::copy_from_slice(fields.any()?.raw))?;
    let csr = Zeroizing::new(fields.octet_string()?.into_owned());
    let csr = Csr::parse(Bytes::from_owner(csr))?;
    let signer = read_certificate(&mut fields)?;
    spki_key_kind(signer.spki())?;
    let ca = read_ca(&mut fields)?;
    let (digest, cipher) = (fields.oid()?, fields.oid()?);
    let algorithms = Algorithms {
        digest: DigestAlgorithm::from_oid(&digest).ok_or(ApiMisuse::PersistedState)?,
        cipher: ContentCipher::from_oid(&cipher).ok_or(ApiMisuse::PersistedState)?,
    };
    let method = read_enumerated(&mut fields, [Method::Get, Method::Post])?;
    let method_changes =
        read_enumerated(&mut fields, [MethodChanges::OneLeft, MethodChanges::None])?;
    let request = read_enumerated(
        &mut fields,
        [RequestForm::Pkcs, RequestForm::Renewal, RequestForm::RenewalThenPkcs],
    )?;
    fields.finish()?;
    let enrolment = Enrolment { settings, csr, signer, provider };
    let pending = Some(Pending { polls, deadline, message });
    Ok((
        until,
        Transaction { enrolment, ca, id, algorithms, method, method_changes, request, pending },
    ))
}

fn read_ca(fields: &mut Reader<'_>) -> Result<CaCertificates, Error> {
    let encryption = read_certificate(fields)?;
    let all = read_certificates(fields)?;
    let also_reply = read_certificates(fields)?;
    let ca = CaCertificates::restored(all, encryption, also_reply);
    Ok(ca.ok_or(ApiMisuse::PersistedState)?)
}

fn write_certificates(der: &mut DerWriter, certificates: &[Certificate]) {
    der.sequence(|der| {
        certificates.iter().for_each(|c| der.primitive(Tag::OCTET_STRING, c.der()));
    });
}

fn read_certificates(fields: &mut Reader<'_>) -> Result<Vec<Certificate>, Error> {
    let mut list = fields.sequence()?;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        if certificates.len() == MAX_CERTIFICATES.saturating_add(1) {
            return Err(ApiMisuse::PersistedState.into());
        }
        certificates.push(read_certificate(&mut list)?);
    }
    Ok(certificates)
}

fn read_certificate(fields: &mut Reader<'_>) -> Result<Certificate, Error> {
    Ok(Certificate::parse(fields.octet_string()?.into_owned())?)
}

fn write_time(der: &mut DerWriter, time: UnixTime) {
    der.primitive(Tag::OCTET_STRING, &time.as_secs().to_be_bytes());
}

fn read_time(fields: &mut Reader<'_>) -> Result<UnixTime, Error> {
    Ok(UnixTime::from_secs(i64::from_be_bytes(read_array(fields)?)))
}

fn read_array<const OCTETS: usize>(fields: &mut Reader<'_>) -> Result<[u8; OCTETS], Error> {
    let octets = fields.octet_string()?;
    let octets = <[u8; OCTETS]>::try_from(octets.as_ref());
    Ok(octets.map_err(|_| ApiMisuse::PersistedState)?)
}

fn write_enumerated(der: &mut DerWriter, number: u8) {
    der.primitive(Tag::ENUMERATED, &[number]);
}

/// One of these, by its position.
fn read_enumerated<T: Copy, const N: usize>(
    fields: &mut Reader<'_>,
    all: [T; N],
) -> Result<T, Error> {
    match fields.expect(Tag::ENUMERATED)?.primitive()? {
        [number] => {
            let value = all.get(usize::from(*number)).copied();
            Ok(value.ok_or(ApiMisuse::PersistedState)?)
        }
        _ => Err(Asn1Error::InvalidValue { tag: Tag::ENUMERATED }.into()),
    }
}
