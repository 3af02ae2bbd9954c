//! The SignedData around a request and a reply (RFC 8894 §3.2, RFC 5652 §5).

use scep_types::asn1::DerWriter;
use scep_types::{Certificate, oid};

use crate::conformance::craft::{
    Message, Order, Parameters, Signature, SignerId, attribute, octets, streamed,
    with_key_identifier,
};
use crate::conformance::lab::Lab;
use crate::conformance::row::{Finding, Level, NoVerdict, Outcome, Row, not_tested};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-3.2-01",
        level: Level::Must,
        title: "a reply is SignedData around id-data",
        certificates: 0,
        check: reply_content_type,
    },
    Row {
        id: "R-3.2-02",
        level: Level::Practice,
        title: "eContentType envelopedData in a request",
        certificates: 0,
        check: enveloped_content_type,
    },
    Row {
        id: "R-3.2-04",
        level: Level::Must,
        title: "no signed attributes: refused",
        certificates: 0,
        check: no_signed_attributes,
    },
    Row {
        id: "R-3.2-05",
        level: Level::Practice,
        title: "no SignerInfo or two: refused",
        certificates: 0,
        check: signer_count,
    },
    Row {
        id: "R-3.2-06",
        level: Level::Practice,
        title: "a request in BER, as Apple streams it",
        certificates: 0,
        check: ber_request,
    },
    Row {
        id: "R-3.2-08",
        level: Level::Practice,
        title: "a reply carries its signer's certificate",
        certificates: 0,
        check: reply_has_signer,
    },
    Row {
        id: "R-2.3-13",
        level: Level::Practice,
        title: "the signer's certificate need not be the first",
        certificates: 0,
        check: signer_last,
    },
    Row {
        id: "R-CMS5.3-01",
        level: Level::Must,
        title: "the signer by subjectKeyIdentifier",
        certificates: 0,
        check: signer_by_key_identifier,
    },
    Row {
        id: "R-CMS5.3-02",
        level: Level::Must,
        title: "a reply's signed attributes are in DER order",
        certificates: 0,
        check: reply_is_sorted,
    },
    Row {
        id: "R-CMS5.3-03",
        level: Level::Practice,
        title: "attributes signed in another order",
        certificates: 0,
        check: unsorted_attributes,
    },
    Row {
        id: "R-CMS5.4-01",
        level: Level::Must,
        title: "a reply's signature verifies",
        certificates: 0,
        check: reply_verifies,
    },
    Row {
        id: "R-CMS5.6-01",
        level: Level::Must,
        title: "a wrong digest or signature: refused",
        certificates: 0,
        check: broken,
    },
    Row {
        id: "R-CMS11-01",
        level: Level::Must,
        title: "messageDigest twice: refused",
        certificates: 0,
        check: digest_twice,
    },
    Row {
        id: "R-3370-01",
        level: Level::Must,
        title: "rsaEncryption and sha256WithRSAEncryption",
        certificates: 0,
        check: signature_oids,
    },
    Row {
        id: "R-3370-02",
        level: Level::Practice,
        title: "digest and signature algorithm contradict: refused",
        certificates: 0,
        check: contradiction,
    },
    Row {
        id: "R-3370-03",
        level: Level::Practice,
        title: "algorithm parameters absent instead of NULL",
        certificates: 0,
        check: absent_parameters,
    },
];

fn refused(lab: &Lab, sent: &str, message: &Message) -> Result<Finding, NoVerdict> {
    let came = lab.send(message)?;
    let passes = !came.kind.is_success() && !lab.is_usual(&came);
    Ok(Finding::new(passes, sent, came))
}

fn usual(lab: &Lab, sent: &str, message: &Message) -> Result<Finding, NoVerdict> {
    let came = lab.send(message)?;
    Ok(Finding::new(lab.is_usual(&came), sent, came))
}

fn reply_content_type(lab: &mut Lab) -> Outcome {
    let found = lab.send(&lab.harmless()?)?.signed()?.content_type();
    Ok(Finding::new(found == oid::ID_DATA, "PKIOperation", format_args!("eContentType {found}")))
}

fn enveloped_content_type(lab: &mut Lab) -> Outcome {
    let enveloped = DerWriter::encode(|der| der.oid(&oid::ID_ENVELOPED_DATA));
    let message = lab.harmless()?.with(oid::CONTENT_TYPE, vec![enveloped]);
    let message = message.changed(|message| message.content_type = oid::ID_ENVELOPED_DATA);
    usual(lab, "eContentType envelopedData", &message)
}

fn no_signed_attributes(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.changed(|message| message.attributes = None);
    refused(lab, "no signed attributes", &message)
}

fn signer_count(lab: &mut Lab) -> Outcome {
    let none = lab.harmless()?.changed(|message| message.signers = 0);
    let two = lab.harmless()?.changed(|message| message.signers = 2);
    Ok(Finding::all(&[
        refused(lab, "no SignerInfo", &none)?,
        refused(lab, "two SignerInfos", &two)?,
    ]))
}

fn ber_request(lab: &mut Lab) -> Outcome {
    let message = streamed(&lab.harmless()?.build()?)?;
    let came = lab.post(&message);
    Ok(Finding::new(lab.is_usual(&came), "indefinite lengths, content in segments", came))
}

fn reply_has_signer(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let signed = came.signed()?;
    let found = signed.signers().next().is_some_and(|signer| signer.certificate().is_some());
    let text = if found { "it is there" } else { "it is not there" };
    Ok(Finding::new(found, "PKIOperation", text))
}

fn signer_last(lab: &mut Lab) -> Outcome {
    let other = lab.stranger.certificate.der().clone();
    let message = lab.harmless()?.changed(|message| message.certificates.insert(0, other));
    usual(lab, "somebody else's certificate first", &message)
}

fn signer_by_key_identifier(lab: &mut Lab) -> Outcome {
    let certificate = with_key_identifier(&lab.setting.subject, &lab.device.key)?;
    let certificate = Certificate::parse(certificate).map_err(scep_client::Error::from)?;
    let message = lab.harmless()?.changed(|message| {
        message.certificates = vec![certificate.der().clone()];
        message.signer = certificate;
        message.signer_id = SignerId::KeyIdentifier;
    });
    usual(lab, "sid subjectKeyIdentifier", &message)
}

fn reply_is_sorted(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let signed = came.signed()?;
    let Some(signer) = signed.signers().next() else { return not_tested("no signer") };
    let encoded =
        signer.attribute_values().map(|(oid, values)| attribute(&(oid, vec![values.to_vec()])));
    let encoded: Vec<_> = encoded.collect();
    let sorted = encoded.is_sorted();
    Ok(Finding::new(sorted, "PKIOperation", if sorted { "in order" } else { "not in order" }))
}

fn unsorted_attributes(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.changed(|message| message.order = Order::Reversed);
    usual(lab, "attributes in reverse order, signed so", &message)
}

fn reply_verifies(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let authentic = lab.is_authentic(&came)?;
    let text = if authentic { "signed by the CA or RA" } else { "not signed by the CA or RA" };
    Ok(Finding::new(authentic, "PKIOperation", text))
}

fn broken(lab: &mut Lab) -> Outcome {
    let digest = lab.harmless()?.with(oid::MESSAGE_DIGEST, vec![octets(&[0; 32])]);
    let signature = lab.harmless()?.changed(|message| message.signature = Signature::Broken);
    Ok(Finding::all(&[
        refused(lab, "another messageDigest", &digest)?,
        refused(lab, "a bit of the signature flipped", &signature)?,
    ]))
}

fn digest_twice(lab: &mut Lab) -> Outcome {
    // A second one, so that the first is the right one.
    let message = lab.harmless()?;
    let right =
        scep_crypto::aws_lc_rs::provider().digest.digest(message.digest, &message.content)?;
    let message = message.with(oid::MESSAGE_DIGEST, vec![octets(right.as_ref())]);
    let message = message.and(oid::MESSAGE_DIGEST, vec![octets(&[0; 32])]);
    refused(lab, "messageDigest twice, one right and one wrong", &message)
}

fn signature_oids(lab: &mut Lab) -> Outcome {
    let plain = lab.harmless()?;
    let named = lab.harmless()?;
    let named = named.changed(|message| message.signature_algorithm = oid::SHA256_WITH_RSA);
    Ok(Finding::all(&[
        usual(lab, "rsaEncryption", &plain)?,
        usual(lab, "sha256WithRSAEncryption", &named)?,
    ]))
}

fn contradiction(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?;
    let message = message.changed(|message| message.signature_algorithm = oid::SHA512_WITH_RSA);
    refused(lab, "SHA-256 with sha512WithRSAEncryption", &message)
}

fn absent_parameters(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.changed(|message| message.parameters = Parameters::Absent);
    usual(lab, "no parameters", &message)
}
