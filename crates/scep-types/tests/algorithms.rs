//! AlgorithmIdentifiers: each form that peers write is read, each contradiction refused, ours read back.

use proptest::prelude::*;
use scep_types::DigestAlgorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, ContentCipher, DigestAlgorithm, Error, KeyKind, KeyTransport, SignatureScheme,
};

/// `SEQUENCE { oid, parameters }`
fn identifier(oid: Oid, parameters: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid);
            der.raw(parameters);
        });
    })
}

/// The parameters of PSS or OAEP: `[0]` digest, `[1]` mask generation, and what follows.
fn parameters(
    digest: Option<DigestAlgorithm>,
    mask: Option<DigestAlgorithm>,
    rest: impl FnOnce(&mut DerWriter),
) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            if let Some(digest) = digest {
                der.constructed(Tag::context(0), |der| digest.write(der));
            }
            if let Some(mask) = mask {
                der.constructed(Tag::context(1), |der| {
                    der.sequence(|der| {
                        der.oid(&oid::MGF1);
                        mask.write(der);
                    });
                });
            }
            rest(der);
        });
    })
}

fn tagged_integer(der: &mut DerWriter, tag: u8, value: u64) {
    der.constructed(Tag::context(tag), |der| der.unsigned(value));
}

fn read_scheme(der: &[u8]) -> Result<SignatureScheme, Error> {
    SignatureScheme::read(&mut Reader::der(der))
}

fn read_transport(der: &[u8]) -> Result<KeyTransport, Error> {
    KeyTransport::read(&mut Reader::der(der))
}

const NULL: &[u8] = &[5, 0];

#[test]
fn digests_read_with_null_and_without_parameters() {
    for digest in DigestAlgorithm::ALL {
        for form in [NULL, &[]] {
            let der = identifier(digest.oid(), form);
            assert_eq!(DigestAlgorithm::read(&mut Reader::der(&der)), Ok(digest));
        }
        let written = DerWriter::encode(|der| digest.write(der));
        assert_eq!(written, identifier(digest.oid(), NULL));
        let other = identifier(digest.oid(), &[2, 1, 5]);
        assert!(matches!(
            DigestAlgorithm::read(&mut Reader::der(&other)),
            Err(Error::Malformed(_))
        ));
    }
    let unknown = identifier(oid::RSA_ENCRYPTION, NULL);
    let expected = Err(Error::UnsupportedAlgorithm { oid: oid::RSA_ENCRYPTION });
    assert_eq!(DigestAlgorithm::read(&mut Reader::der(&unknown)), expected);
}

#[test]
fn lengths_are_those_of_the_standards() {
    let digests: Vec<_> = DigestAlgorithm::ALL.map(DigestAlgorithm::output_len).into();
    assert_eq!(digests, [16, 20, 32, 48, 64]);
    let keys: Vec<_> = ContentCipher::ALL.map(ContentCipher::key_len).into();
    assert_eq!(keys, [8, 24, 16, 24, 32]);
    let blocks: Vec<_> = ContentCipher::ALL.map(ContentCipher::block_len).into();
    assert_eq!(blocks, [8, 8, 16, 16, 16]);
    for cipher in ContentCipher::ALL {
        assert_eq!(ContentCipher::from_oid(&cipher.oid()), Some(cipher));
    }
    assert_eq!(ContentCipher::from_oid(&oid::SHA256), None);
}

#[test]
fn each_policy_admits_all_of_the_stricter_one() {
    use AlgorithmPolicy::{Legacy, Modern, Obsolete};
    assert_eq!(AlgorithmPolicy::default(), Modern);
    let table = [
        (Modern, &[Sha256, Sha384, Sha512][..]),
        (Legacy, &[Sha1, Sha256, Sha384, Sha512]),
        (Obsolete, &DigestAlgorithm::ALL),
    ];
    for (policy, allowed) in table {
        for digest in DigestAlgorithm::ALL {
            assert_eq!(policy.allows_digest(digest), allowed.contains(&digest));
        }
    }
    let ciphers = |policy: AlgorithmPolicy| {
        ContentCipher::ALL.iter().filter(|cipher| policy.allows_cipher(**cipher)).count()
    };
    assert_eq!([Modern, Legacy, Obsolete].map(ciphers), [3, 4, 5]);
    assert!(!Modern.allows_cipher(ContentCipher::TripleDesCbc));
    assert!(!Legacy.allows_cipher(ContentCipher::DesCbc));
}

#[test]
fn rsa_signatures_read_with_null_and_without_parameters() {
    for (oid, digest) in [
        (oid::MD5_WITH_RSA, Md5),
        (oid::SHA1_WITH_RSA, Sha1),
        (oid::SHA256_WITH_RSA, Sha256),
        (oid::SHA384_WITH_RSA, Sha384),
        (oid::SHA512_WITH_RSA, Sha512),
    ] {
        for form in [NULL, &[]] {
            let expected = Ok(SignatureScheme::RsaPkcs1(digest));
            assert_eq!(read_scheme(&identifier(oid, form)), expected);
        }
    }
}

#[test]
fn rsa_encryption_means_the_digest_beside_it() {
    let der = identifier(oid::RSA_ENCRYPTION, NULL);
    let read = SignatureScheme::read_signer_info(&mut Reader::der(&der), Sha384);
    assert_eq!(read, Ok(SignatureScheme::RsaPkcs1(Sha384)));
    // A certificate has no digestAlgorithm beside its signatureAlgorithm.
    let expected = Err(Error::UnsupportedAlgorithm { oid: oid::RSA_ENCRYPTION });
    assert_eq!(read_scheme(&der), expected);
}

#[test]
fn a_digest_beside_that_contradicts_is_refused() {
    let pss = identifier(
        oid::RSASSA_PSS,
        &parameters(Some(Sha256), Some(Sha256), |der| tagged_integer(der, 2, 32)),
    );
    for der in
        [identifier(oid::SHA256_WITH_RSA, NULL), identifier(oid::ECDSA_WITH_SHA256, &[]), pss]
    {
        let read = |digest| SignatureScheme::read_signer_info(&mut Reader::der(&der), digest);
        assert!(read(Sha256).is_ok());
        let contradiction = Error::ContradictingDigest { digest: Sha1, found: Sha256 };
        assert_eq!(read(Sha1), Err(contradiction));
    }
}

#[test]
fn pss_parameters_read_in_every_form_with_a_salt_as_long_as_the_digest() {
    let trailer_written = |der: &mut DerWriter| {
        tagged_integer(der, 2, 32);
        tagged_integer(der, 3, 1);
    };
    for (params, digest) in [
        (parameters(None, None, |_| ()), Sha1),
        (parameters(Some(Sha1), Some(Sha1), |der| tagged_integer(der, 2, 20)), Sha1),
        (parameters(Some(Sha256), Some(Sha256), |der| tagged_integer(der, 2, 32)), Sha256),
        (parameters(Some(Sha256), Some(Sha256), trailer_written), Sha256),
        (parameters(Some(Sha512), Some(Sha512), |der| tagged_integer(der, 2, 64)), Sha512),
    ] {
        let expected = Ok(SignatureScheme::RsaPss(digest));
        assert_eq!(read_scheme(&identifier(oid::RSASSA_PSS, &params)), expected);
    }
}

#[test]
fn pss_parameters_we_would_verify_wrongly_are_unsupported() {
    let unsupported = Err(Error::UnsupportedAlgorithm { oid: oid::RSASSA_PSS });
    let wrong_trailer = |der: &mut DerWriter| {
        tagged_integer(der, 2, 32);
        tagged_integer(der, 3, 2);
    };
    for params in [
        vec![],
        parameters(Some(Sha256), Some(Sha256), |_| ()),
        parameters(Some(Sha256), Some(Sha256), |der| tagged_integer(der, 2, 20)),
        parameters(Some(Sha256), Some(Sha256), |der| tagged_integer(der, 2, 288)),
        parameters(Some(Sha256), Some(Sha256), wrong_trailer),
        parameters(Some(Sha256), Some(Sha1), |der| tagged_integer(der, 2, 32)),
        parameters(Some(Sha256), None, |der| tagged_integer(der, 2, 32)),
    ] {
        assert_eq!(read_scheme(&identifier(oid::RSASSA_PSS, &params)), unsupported);
    }
    let trailing = parameters(Some(Sha256), Some(Sha256), |der| {
        tagged_integer(der, 2, 32);
        der.null();
    });
    let read = read_scheme(&identifier(oid::RSASSA_PSS, &trailing));
    assert!(matches!(read, Err(Error::Malformed(_))), "{read:?}");
}

#[test]
fn every_scheme_for_a_key_reads_back() {
    let keys = [KeyKind::Rsa { bits: 2048 }, KeyKind::P256, KeyKind::P384, KeyKind::P521];
    let mut schemes: Vec<_> = keys
        .into_iter()
        .flat_map(|key| DigestAlgorithm::ALL.map(|digest| SignatureScheme::for_key(key, digest)))
        .flatten()
        .collect();
    schemes.extend(DigestAlgorithm::ALL.into_iter().skip(1).map(SignatureScheme::RsaPss));
    schemes.push(SignatureScheme::Ed25519);
    for scheme in schemes {
        let der = DerWriter::encode(|der| scheme.write(der));
        assert_eq!(read_scheme(&der), Ok(scheme));
    }
}

#[test]
fn ecdsa_never_signs_with_md5() {
    // There is no OID for it; written as another digest it would lie.
    assert_eq!(SignatureScheme::for_key(KeyKind::P256, Md5), None);
    let rsa = SignatureScheme::for_key(KeyKind::Rsa { bits: 2048 }, Md5);
    assert_eq!(rsa, Some(SignatureScheme::RsaPkcs1(Md5)));
    assert_eq!(SignatureScheme::for_key(KeyKind::Other(oid::SHA256), Sha256), None);
    assert_eq!(SignatureScheme::for_key(KeyKind::Ed25519, Sha256).unwrap().digest(), None);
}

#[test]
fn pkcs1_key_transport_reads_with_null_and_without_parameters() {
    for form in [NULL, &[]] {
        let der = identifier(oid::RSA_ENCRYPTION, form);
        assert_eq!(read_transport(&der), Ok(KeyTransport::Pkcs1v15));
    }
    let unknown = read_transport(&identifier(oid::EC_PUBLIC_KEY, &[]));
    assert_eq!(unknown, Err(Error::UnsupportedAlgorithm { oid: oid::EC_PUBLIC_KEY }));
}

#[test]
fn oaep_parameters_read_absent_empty_and_explicit() {
    let empty_label = |der: &mut DerWriter| {
        der.constructed(Tag::context(2), |der| {
            der.sequence(|der| {
                der.oid(&oid::P_SPECIFIED);
                der.primitive(Tag::OCTET_STRING, &[]);
            });
        });
    };
    for (params, digest) in [
        (vec![], Sha1),
        (vec![0x30, 0], Sha1), // Windows
        (parameters(Some(Sha1), Some(Sha1), empty_label), Sha1),
        (parameters(Some(Sha256), Some(Sha256), |_| ()), Sha256),
        (parameters(Some(Sha512), Some(Sha512), empty_label), Sha512),
    ] {
        let der = identifier(oid::RSAES_OAEP, &params);
        assert_eq!(read_transport(&der), Ok(KeyTransport::Oaep(digest)));
    }
}

/// smallstep's pkcs7, and with it step-ca and micromdm, leaves the mask out and means the digest's.
#[test]
fn an_oaep_mask_left_out_is_by_the_digest_beside_it() {
    for digest in [Sha1, Sha256, Sha384, Sha512] {
        let der = identifier(oid::RSAES_OAEP, &parameters(Some(digest), None, |_| ()));
        assert_eq!(read_transport(&der), Ok(KeyTransport::Oaep(digest)));
    }
}

#[test]
fn oaep_parameters_we_would_unwrap_wrongly_are_unsupported() {
    let unsupported = Err(Error::UnsupportedAlgorithm { oid: oid::RSAES_OAEP });
    let label = |oid: Oid, label: &'static [u8]| {
        move |der: &mut DerWriter| {
            der.constructed(Tag::context(2), |der| {
                der.raw(&identifier(
                    oid,
                    &DerWriter::encode(|der| {
                        der.primitive(Tag::OCTET_STRING, label);
                    }),
                ));
            });
        }
    };
    for params in [
        parameters(None, Some(Sha256), |_| ()),
        parameters(Some(Sha256), Some(Sha1), |_| ()),
        parameters(Some(Sha256), Some(Sha256), label(oid::P_SPECIFIED, b"label")),
        parameters(Some(Sha256), Some(Sha256), label(oid::MGF1, b"")),
    ] {
        assert_eq!(read_transport(&identifier(oid::RSAES_OAEP, &params)), unsupported);
    }
}

#[test]
fn key_transports_read_back_and_always_carry_parameters() {
    let all = DigestAlgorithm::ALL.map(KeyTransport::Oaep);
    for transport in all.into_iter().chain([KeyTransport::Pkcs1v15]) {
        let der = DerWriter::encode(|der| transport.write(der));
        assert_eq!(read_transport(&der), Ok(transport));
        let mut fields = Reader::der(&der).sequence().unwrap();
        fields.oid().unwrap();
        assert!(!fields.is_empty(), ".NET refuses OAEP without parameters");
    }
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(input in prop::collection::vec(any::<u8>(), 0..120)) {
        for mut reader in [Reader::ber(&input), Reader::der(&input)] {
            let _ = SignatureScheme::read(&mut reader.clone());
            let _ = KeyTransport::read(&mut reader.clone());
            let _ = DigestAlgorithm::read(&mut reader);
        }
    }

    #[test]
    fn single_octet_changes_never_panic(position in any::<prop::sample::Index>(), octet in any::<u8>()) {
        for scheme in [SignatureScheme::RsaPss(Sha384), SignatureScheme::RsaPkcs1(Sha1)] {
            let mut der = DerWriter::encode(|der| scheme.write(der));
            let position = position.index(der.len());
            der[position] = octet;
            let _ = read_scheme(&der);
        }
        let mut der = DerWriter::encode(|der| KeyTransport::Oaep(Sha512).write(der));
        let position = position.index(der.len());
        der[position] = octet;
        let _ = read_transport(&der);
    }
}
