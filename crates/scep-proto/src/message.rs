//! The outer SignedData of every pkiMessage we write: plain, DER, attributes sorted (RFC 8894 §3.2).

use bytes::Bytes;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, DigestAlgorithm, DigestProvider, SignatureScheme, UnixTime};

use crate::attributes::{FailInfo, MessageType, Nonce, PkiStatus, TransactionId};
use crate::cms::{write_content_info, write_issuer_and_serial};
use crate::error::{ApiMisuse, Error};

/// A pkiMessage that only lacks its signature; sign [`ToBeSigned::bytes`] locally or remotely and [`ToBeSigned::finish`].
#[derive(Debug)]
#[must_use]
pub struct ToBeSigned {
    signed_attributes: Vec<u8>,
    scheme: SignatureScheme,
    digest: DigestAlgorithm,
    content: Vec<u8>,
    signer: Certificate,
}

impl ToBeSigned {
    /// What the signature must cover: the signed attributes as a DER SET (RFC 5652 §5.4).
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.signed_attributes
    }

    /// How it must be signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The whole message, DER.
    #[must_use]
    pub fn finish(self, signature: &[u8]) -> Bytes {
        let parts = [&self.content, self.signer.der().as_ref(), signature, &self.signed_attributes];
        let mut der = DerWriter::with_room_for(&parts, 1024);
        write_content_info(&mut der, oid::ID_SIGNED_DATA, |der| {
            der.sequence(|der| {
                der.unsigned(1_u64);
                der.set(|der| self.digest.write(der));
                der.sequence(|der| {
                    der.oid(&oid::ID_DATA);
                    // An empty OCTET STRING, not an absent one: certmonger takes the latter for an unreachable CA.
                    der.constructed(Tag::context(0), |der| {
                        der.primitive(Tag::OCTET_STRING, &self.content);
                    });
                });
                der.constructed(Tag::context(0), |der| der.raw(self.signer.der()));
                der.set(|der| self.write_signer_info(der, signature));
            });
        });
        der.into_vec().into()
    }

    fn write_signer_info(&self, der: &mut DerWriter, signature: &[u8]) {
        der.sequence(|der| {
            der.unsigned(1_u64);
            write_issuer_and_serial(der, &self.signer);
            self.digest.write(der);
            // The same octets as were signed, under [0] IMPLICIT instead of SET.
            der.raw(&[Tag::context(0).constructed()]);
            der.raw(self.signed_attributes.get(1..).unwrap_or_default());
            match self.scheme {
                // Plain rsaEncryption: strongSwan 5.9.8 and some devices read nothing else.
                SignatureScheme::RsaPkcs1(_) => der.sequence(|der| {
                    der.oid(&oid::RSA_ENCRYPTION);
                    der.null();
                }),
                other => other.write(der),
            }
            der.primitive(Tag::OCTET_STRING, signature);
        });
    }
}

/// The attributes of a message about to be written.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) message_type: MessageType,
    pub(crate) transaction_id: &'a TransactionId,
    pub(crate) sender_nonce: &'a [u8],
    pub(crate) signing_time: Option<UnixTime>,
    pub(crate) reply: Option<ReplyHeader<'a>>,
}

/// What only a CertRep has.
#[derive(Debug)]
pub(crate) struct ReplyHeader<'a> {
    pub(crate) status: PkiStatus,
    pub(crate) fail_info: Option<FailInfo>,
    pub(crate) fail_info_text: Option<&'a str>,
    pub(crate) recipient_nonce: Option<&'a Nonce>,
}

impl Header<'_> {
    /// Puts header and content (an envelope, or nothing) together.
    pub(crate) fn prepare(
        &self,
        content: Vec<u8>,
        signer: &Certificate,
        digest: DigestAlgorithm,
        digests: &dyn DigestProvider,
    ) -> Result<ToBeSigned, Error> {
        prepare(content, signer, digest, digests, |digest| self.attributes(digest))
    }

    fn attributes(&self, content_digest: &[u8]) -> Vec<Vec<u8>> {
        let mut attributes = cms_attributes(content_digest);
        attributes.extend([
            number(oid::MESSAGE_TYPE, self.message_type.number()),
            attribute(oid::TRANSACTION_ID, |der| der.raw(self.transaction_id.der())),
            attribute(oid::SENDER_NONCE, |der| {
                der.primitive(Tag::OCTET_STRING, self.sender_nonce);
            }),
        ]);
        if let Some(time) = self.signing_time {
            attributes.push(attribute(oid::SIGNING_TIME, |der| time.write(der)));
        }
        if let Some(reply) = &self.reply {
            attributes.push(number(oid::PKI_STATUS, reply.status.number()));
            attributes.extend(reply.fail_info.map(|info| number(oid::FAIL_INFO, info.number())));
            attributes.extend(reply.fail_info_text.map(|text| {
                attribute(oid::FAIL_INFO_TEXT, |der| {
                    der.primitive(Tag::UTF8_STRING, text.as_bytes());
                })
            }));
            attributes.extend(reply.recipient_nonce.map(|nonce| {
                attribute(oid::RECIPIENT_NONCE, |der| {
                    der.primitive(Tag::OCTET_STRING, nonce.octets());
                })
            }));
        }
        attributes
    }
}

/// Signed content that is no pkiMessage: it has the attributes that CMS demands, and no more.
pub(crate) fn prepare_plain(
    content: Vec<u8>,
    signer: &Certificate,
    digest: DigestAlgorithm,
    digests: &dyn DigestProvider,
) -> Result<ToBeSigned, Error> {
    prepare(content, signer, digest, digests, cms_attributes)
}

/// Keys on curves sign with their own digest.
fn prepare(
    content: Vec<u8>,
    signer: &Certificate,
    digest: DigestAlgorithm,
    digests: &dyn DigestProvider,
    attributes: impl FnOnce(&[u8]) -> Vec<Vec<u8>>,
) -> Result<ToBeSigned, Error> {
    let kind = signer.key_kind()?;
    let digest = kind.natural_digest().unwrap_or(digest);
    let scheme = SignatureScheme::for_key(kind, digest).ok_or(ApiMisuse::SigningKey)?;
    let content_digest = digests.digest(digest, &content)?;
    let mut der = DerWriter::with_capacity(512);
    der.sorted_set(Tag::SET, attributes(content_digest.as_ref()));
    let signed_attributes = der.into_vec();
    Ok(ToBeSigned { signed_attributes, scheme, digest, content, signer: signer.clone() })
}

/// contentType and messageDigest (RFC 5652 §11.1 and §11.2).
fn cms_attributes(content_digest: &[u8]) -> Vec<Vec<u8>> {
    vec![
        attribute(oid::CONTENT_TYPE, |der| der.oid(&oid::ID_DATA)),
        attribute(oid::MESSAGE_DIGEST, |der| der.primitive(Tag::OCTET_STRING, content_digest)),
    ]
}

/// `Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }` with one value.
fn attribute(oid: Oid, value: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    let mut der = DerWriter::with_capacity(96);
    der.sequence(|der| {
        der.oid(&oid);
        der.set(value);
    });
    der.into_vec()
}

/// A decimal number in a PrintableString (RFC 8894 §3.2.1).
fn number(oid: Oid, number: u8) -> Vec<u8> {
    attribute(oid, |der| der.primitive(Tag::PRINTABLE_STRING, number.to_string().as_bytes()))
}
