//! What two independent libraries see in the CMS that we write.

use cms::cert::CertificateChoices;
use cms::enveloped_data::{RecipientIdentifier, RecipientInfo};
use cms::signed_data::SignerIdentifier;
use der::{Decode, Encode};
use scep_types::asn1::{DerWriter, Tag};

/// A SignedData, everything as DER, sets sorted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedData {
    pub(crate) version: u8,
    pub(crate) content_type: String,
    pub(crate) content: Option<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) crls: Vec<Vec<u8>>,
    pub(crate) digest_algorithms: Vec<Vec<u8>>,
    pub(crate) signers: Vec<Signer>,
}

/// A SignerInfo.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    pub(crate) version: u8,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) digest_algorithm: Vec<u8>,
    pub(crate) signature_algorithm: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// An EnvelopedData for one recipient.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) version: u8,
    pub(crate) recipient_version: u8,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) key_transport: Vec<u8>,
    pub(crate) encrypted_key: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) cipher: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// What both libraries agree to see in a SignedData that is DER.
pub(crate) fn signed_data(message: &[u8]) -> SignedData {
    let (one, other) = (signed_data_by_cms(message), signed_data_by_rasn(message));
    assert_eq!(one, other, "the oracles disagree");
    one
}

/// What both libraries agree to see in an EnvelopedData that is DER.
pub(crate) fn envelope(message: &[u8]) -> Envelope {
    let (one, other) = (envelope_by_cms(message), envelope_by_rasn(message));
    assert_eq!(one, other, "the oracles disagree");
    one
}

/// A second encoder writes the same octets: it is DER, sets sorted.
pub(crate) fn assert_der(message: &[u8]) {
    let info = cms::content_info::ContentInfo::from_der(message).unwrap();
    let again = match info.content_type.to_string().as_str() {
        "1.2.840.113549.1.7.2" => cms_of::<cms::signed_data::SignedData>(&info),
        _ => cms_of::<cms::enveloped_data::EnvelopedData>(&info),
    };
    let again = cms::content_info::ContentInfo { content: again, ..info };
    assert_eq!(again.to_der().unwrap(), message);
}

fn cms_of<T: for<'a> Decode<'a> + Encode>(info: &cms::content_info::ContentInfo) -> der::Any {
    let content = T::from_der(&info.content.to_der().unwrap()).unwrap();
    der::Any::from_der(&content.to_der().unwrap()).unwrap()
}

fn to_der(value: &impl Encode) -> Vec<u8> {
    value.to_der().unwrap()
}

fn version(version: cms::content_info::CmsVersion) -> u8 {
    version as u8
}

fn signed_data_by_cms(message: &[u8]) -> SignedData {
    let info = cms::content_info::ContentInfo::from_der(message).unwrap();
    assert_eq!(info.content_type.to_string(), "1.2.840.113549.1.7.2");
    let data = info.content.decode_as::<cms::signed_data::SignedData>().unwrap();
    let content = data.encap_content_info;
    SignedData {
        version: version(data.version),
        content_type: content.econtent_type.to_string(),
        content: content.econtent.map(|content| content.value().to_vec()),
        certificates: sorted(data.certificates.iter().flat_map(|set| set.0.iter()).map(|choice| {
            let CertificateChoices::Certificate(certificate) = choice else { panic!("{choice:?}") };
            to_der(certificate)
        })),
        crls: sorted(data.crls.iter().flat_map(|set| set.0.iter()).map(to_der)),
        digest_algorithms: sorted(data.digest_algorithms.iter().map(to_der)),
        signers: data.signer_infos.0.iter().map(signer_by_cms).collect(),
    }
}

fn signer_by_cms(info: &cms::signed_data::SignerInfo) -> Signer {
    let SignerIdentifier::IssuerAndSerialNumber(sid) = &info.sid else { panic!("{info:?}") };
    assert!(info.unsigned_attrs.is_none());
    let attributes = info.signed_attrs.as_ref().unwrap().iter().map(|attribute| {
        (attribute.oid.to_string(), attribute.values.iter().map(to_der).collect())
    });
    Signer {
        version: version(info.version),
        issuer: to_der(&sid.issuer),
        serial: to_der(&sid.serial_number),
        digest_algorithm: to_der(&info.digest_alg),
        signature_algorithm: to_der(&info.signature_algorithm),
        signature: info.signature.as_bytes().to_vec(),
        attributes: sorted(attributes),
    }
}

fn envelope_by_cms(message: &[u8]) -> Envelope {
    let info = cms::content_info::ContentInfo::from_der(message).unwrap();
    assert_eq!(info.content_type.to_string(), "1.2.840.113549.1.7.3");
    let data = info.content.decode_as::<cms::enveloped_data::EnvelopedData>().unwrap();
    assert!(data.originator_info.is_none() && data.unprotected_attrs.is_none());
    let [RecipientInfo::Ktri(ktri)] = data.recip_infos.0.as_slice() else { panic!("one ktri") };
    let RecipientIdentifier::IssuerAndSerialNumber(rid) = &ktri.rid else { panic!("{ktri:?}") };
    let content = data.encrypted_content;
    Envelope {
        version: version(data.version),
        recipient_version: version(ktri.version),
        issuer: to_der(&rid.issuer),
        serial: to_der(&rid.serial_number),
        key_transport: to_der(&ktri.key_enc_alg),
        encrypted_key: ktri.enc_key.as_bytes().to_vec(),
        content_type: content.content_type.to_string(),
        cipher: to_der(&content.content_enc_alg),
        ciphertext: content.encrypted_content.unwrap().into_bytes(),
    }
}

fn rasn_der<T: rasn::Encode>(value: &T) -> Vec<u8> {
    rasn::der::encode(value).unwrap()
}

fn dotted(oid: &rasn::types::ObjectIdentifier) -> String {
    oid.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

fn small(integer: &rasn::types::Integer) -> u8 {
    u8::try_from(integer).unwrap()
}

fn signed_data_by_rasn(message: &[u8]) -> SignedData {
    let info: rasn_cms::ContentInfo = rasn::der::decode(message).unwrap();
    assert_eq!(&*info.content_type, &**rasn_cms::CONTENT_SIGNED_DATA);
    let data: rasn_cms::SignedData = rasn::der::decode(info.content.as_bytes()).unwrap();
    let content = data.encap_content_info;
    SignedData {
        version: small(&data.version),
        content_type: dotted(&content.content_type),
        content: content.content.map(|content| content.to_vec()),
        certificates: sorted(data.certificates.iter().flat_map(|set| set.iter()).map(rasn_der)),
        crls: sorted(data.crls.iter().flat_map(|set| set.iter()).map(rasn_der)),
        digest_algorithms: sorted(data.digest_algorithms.iter().map(rasn_der)),
        signers: data.signer_infos.iter().map(signer_by_rasn).collect(),
    }
}

fn signer_by_rasn(info: &rasn_cms::SignerInfo) -> Signer {
    let rasn_cms::SignerIdentifier::IssuerAndSerialNumber(sid) = &info.sid else {
        panic!("{info:?}")
    };
    let attributes = info.signed_attrs.as_ref().unwrap().iter().map(|attribute| {
        let values = attribute.values.iter().map(|value| value.as_bytes().to_vec());
        (dotted(&attribute.r#type), values.collect())
    });
    Signer {
        version: small(&info.version),
        issuer: rasn_der(&sid.issuer),
        serial: rasn_der(&sid.serial_number),
        digest_algorithm: rasn_der(&info.digest_algorithm),
        signature_algorithm: rasn_der(&info.signature_algorithm),
        signature: info.signature.to_vec(),
        attributes: sorted(attributes),
    }
}

fn envelope_by_rasn(message: &[u8]) -> Envelope {
    let info: rasn_cms::ContentInfo = rasn::der::decode(message).unwrap();
    assert_eq!(&*info.content_type, &**rasn_cms::CONTENT_ENVELOPED_DATA);
    let data: rasn_cms::EnvelopedData = rasn::der::decode(info.content.as_bytes()).unwrap();
    let recipients = data.recipient_infos.to_vec();
    let [rasn_cms::RecipientInfo::KeyTransRecipientInfo(ktri)] = recipients.as_slice() else {
        panic!("one ktri")
    };
    let rasn_cms::RecipientIdentifier::IssuerAndSerialNumber(rid) = &ktri.rid else {
        panic!("{ktri:?}")
    };
    let content = data.encrypted_content_info;
    Envelope {
        version: small(&data.version),
        recipient_version: small(&ktri.version),
        issuer: rasn_der(&rid.issuer),
        serial: rasn_der(&rid.serial_number),
        key_transport: rasn_der(&ktri.key_encryption_algorithm),
        encrypted_key: ktri.encrypted_key.to_vec(),
        content_type: dotted(&content.content_type),
        cipher: rasn_der(&content.content_encryption_algorithm),
        ciphertext: content.encrypted_content.unwrap().to_vec(),
    }
}

fn sorted<T: Ord>(members: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut members: Vec<T> = members.into_iter().collect();
    members.sort_unstable();
    members
}

/// An INTEGER as the oracles show it.
pub(crate) fn integer(content: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(Tag::INTEGER, content))
}
