use crate::asn1::{Asn1Error, DerWriter, Reader, Tag};
use crate::oid::{self, Oid};
use crate::{Error, KeyKind};

/// Which algorithms of a peer are taken; each step admits all of the one before.
///
/// Ordered, so that `policy >= AlgorithmPolicy::Legacy` reads as it is meant. Strictest is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AlgorithmPolicy {
    /// SHA-256 and stronger, AES-CBC (RFC 8894 §2.9).
    #[default]
    Modern,
    /// Also SHA-1 and triple DES: Windows signs with SHA-1, older Apple and Cisco devices know no better.
    Legacy,
    /// Also MD5 and single DES, which protect nothing: old Cisco images and micromdm's client send them.
    Obsolete,
}

impl AlgorithmPolicy {
    /// Whether a signature may use this digest.
    #[must_use]
    pub fn allows_digest(self, digest: DigestAlgorithm) -> bool {
        let needed = match digest {
            DigestAlgorithm::Md5 => Self::Obsolete,
            DigestAlgorithm::Sha1 => Self::Legacy,
            DigestAlgorithm::Sha256 | DigestAlgorithm::Sha384 | DigestAlgorithm::Sha512 => {
                Self::Modern
            }
        };
        self >= needed
    }

    /// Whether content may be encrypted with this cipher.
    #[must_use]
    pub fn allows_cipher(self, cipher: ContentCipher) -> bool {
        let needed = match cipher {
            ContentCipher::DesCbc => Self::Obsolete,
            ContentCipher::TripleDesCbc => Self::Legacy,
            ContentCipher::Aes128Cbc | ContentCipher::Aes192Cbc | ContentCipher::Aes256Cbc => {
                Self::Modern
            }
        };
        self >= needed
    }
}

/// A message digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// MD5, 16 octets.
    Md5,
    /// SHA-1, 20 octets.
    Sha1,
    /// SHA-256, 32 octets.
    Sha256,
    /// SHA-384, 48 octets.
    Sha384,
    /// SHA-512, 64 octets.
    Sha512,
}

impl DigestAlgorithm {
    /// All of them, weakest first.
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its OID.
    #[must_use]
    pub const fn oid(self) -> Oid {
        match self {
            Self::Md5 => oid::MD5,
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// The digest with this OID.
    #[must_use]
    pub fn from_oid(oid: &Oid) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.oid() == *oid)
    }

    /// Octets of its output.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Reads an AlgorithmIdentifier with absent or NULL parameters (RFC 3370 §2).
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] for another OID, [`Error::Malformed`] for other parameters.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (oid, parameters) = read_algorithm(reader)?;
        null_or_absent(parameters)?;
        Self::from_oid(&oid).ok_or(Error::UnsupportedAlgorithm { oid })
    }

    /// Writes an AlgorithmIdentifier with NULL parameters, the form every SCEP peer reads.
    pub fn write(self, der: &mut DerWriter) {
        der.sequence(|der| {
            der.oid(&self.oid());
            der.null();
        });
    }
}

/// How a signature was, or will be, made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(DigestAlgorithm),
    /// RSASSA-PSS with MGF1 over the same digest and a salt as long as its output.
    RsaPss(DigestAlgorithm),
    /// ECDSA with a DER-encoded `SEQUENCE { r, s }`.
    Ecdsa(DigestAlgorithm),
    /// Ed25519.
    Ed25519,
}

impl SignatureScheme {
    /// The digest inside, or `None` for Ed25519, which has its own.
    #[must_use]
    pub const fn digest(self) -> Option<DigestAlgorithm> {
        match self {
            Self::RsaPkcs1(digest) | Self::RsaPss(digest) | Self::Ecdsa(digest) => Some(digest),
            Self::Ed25519 => None,
        }
    }

    /// The scheme we sign with for a key of this kind and a wished digest; PKCS#1 v1.5 for RSA, which all peers read.
    ///
    /// `None` for a key that cannot sign here, or not with that digest: ECDSA with MD5 has no OID.
    #[must_use]
    pub const fn for_key(key: KeyKind, digest: DigestAlgorithm) -> Option<Self> {
        match key {
            KeyKind::Rsa { .. } => Some(Self::RsaPkcs1(digest)),
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521
                if matches!(digest, DigestAlgorithm::Md5) =>
            {
                None
            }
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => Some(Self::Ecdsa(digest)),
            KeyKind::Ed25519 => Some(Self::Ed25519),
            KeyKind::Other(_) => None,
        }
    }

    /// Reads the AlgorithmIdentifier of a certificate or CSR.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] or [`Error::Malformed`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (oid, parameters) = read_algorithm(reader)?;
        Self::from_parts(oid, parameters, None)
    }

    /// Reads the signatureAlgorithm of a SignerInfo, whose digestAlgorithm stands beside it: `rsaEncryption` means that
    /// digest, and a contradiction is refused (RFC 3370 §3.2, RFC 5754 §3.2).
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`], [`Error::Malformed`], or [`Error::ContradictingDigest`].
    pub fn read_signer_info(
        reader: &mut Reader<'_>,
        digest: DigestAlgorithm,
    ) -> Result<Self, Error> {
        let (oid, parameters) = read_algorithm(reader)?;
        let scheme = Self::from_parts(oid, parameters, Some(digest))?;
        match scheme.digest() {
            Some(found) if found != digest => Err(Error::ContradictingDigest { digest, found }),
            _ => Ok(scheme),
        }
    }

    fn from_parts(
        oid: Oid,
        parameters: Option<&[u8]>,
        beside: Option<DigestAlgorithm>,
    ) -> Result<Self, Error> {
        use DigestAlgorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
        let unsupported = Error::UnsupportedAlgorithm { oid };
        if oid == oid::RSASSA_PSS {
            return read_pss(parameters.ok_or(unsupported)?).map(Self::RsaPss);
        }
        null_or_absent(parameters)?;
        Ok(match oid {
            oid::RSA_ENCRYPTION => Self::RsaPkcs1(beside.ok_or(unsupported)?),
            oid::MD5_WITH_RSA => Self::RsaPkcs1(Md5),
            oid::SHA1_WITH_RSA => Self::RsaPkcs1(Sha1),
            oid::SHA256_WITH_RSA => Self::RsaPkcs1(Sha256),
            oid::SHA384_WITH_RSA => Self::RsaPkcs1(Sha384),
            oid::SHA512_WITH_RSA => Self::RsaPkcs1(Sha512),
            oid::EC_PUBLIC_KEY => Self::Ecdsa(beside.ok_or(unsupported)?),
            oid::ECDSA_WITH_SHA1 => Self::Ecdsa(Sha1),
            oid::ECDSA_WITH_SHA256 => Self::Ecdsa(Sha256),
            oid::ECDSA_WITH_SHA384 => Self::Ecdsa(Sha384),
            oid::ECDSA_WITH_SHA512 => Self::Ecdsa(Sha512),
            oid::ED25519 => Self::Ed25519,
            _ => return Err(unsupported),
        })
    }

    /// Writes the AlgorithmIdentifier that certificates, CSRs and CRLs carry (RFC 4055, RFC 5758).
    pub fn write(self, der: &mut DerWriter) {
        use DigestAlgorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
        let (oid, parameters): (Oid, fn(&mut DerWriter)) = match self {
            Self::RsaPkcs1(Md5) => (oid::MD5_WITH_RSA, DerWriter::null),
            Self::RsaPkcs1(Sha1) => (oid::SHA1_WITH_RSA, DerWriter::null),
            Self::RsaPkcs1(Sha256) => (oid::SHA256_WITH_RSA, DerWriter::null),
            Self::RsaPkcs1(Sha384) => (oid::SHA384_WITH_RSA, DerWriter::null),
            Self::RsaPkcs1(Sha512) => (oid::SHA512_WITH_RSA, DerWriter::null),
            Self::Ecdsa(Md5 | Sha1) => (oid::ECDSA_WITH_SHA1, |_| ()),
            Self::Ecdsa(Sha256) => (oid::ECDSA_WITH_SHA256, |_| ()),
            Self::Ecdsa(Sha384) => (oid::ECDSA_WITH_SHA384, |_| ()),
            Self::Ecdsa(Sha512) => (oid::ECDSA_WITH_SHA512, |_| ()),
            Self::Ed25519 => (oid::ED25519, |_| ()),
            Self::RsaPss(digest) => {
                return der.sequence(|der| {
                    der.oid(&oid::RSASSA_PSS);
                    write_pss(der, digest);
                });
            }
        };
        der.sequence(|der| {
            der.oid(&oid);
            parameters(der);
        });
    }
}

/// How a content-encryption key is wrapped for an RSA key (RFC 5652 §6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyTransport {
    /// RSAES-PKCS1-v1_5, what every SCEP peer reads.
    Pkcs1v15,
    /// RSAES-OAEP with MGF1 over the same digest and an empty label (RFC 3560); Windows sends it with SHA-1.
    Oaep(DigestAlgorithm),
}

impl KeyTransport {
    /// Reads a keyEncryptionAlgorithm; OAEP parameters may be absent, empty or explicit (RFC 4055 §4.1).
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] or [`Error::Malformed`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (oid, parameters) = read_algorithm(reader)?;
        match oid {
            oid::RSA_ENCRYPTION => null_or_absent(parameters).map(|()| Self::Pkcs1v15),
            oid::RSAES_OAEP => read_oaep(parameters.unwrap_or(&[0x30, 0])).map(Self::Oaep),
            _ => Err(Error::UnsupportedAlgorithm { oid }),
        }
    }

    /// Writes the keyEncryptionAlgorithm, parameters always present (.NET refuses OAEP without).
    pub fn write(self, der: &mut DerWriter) {
        der.sequence(|der| match self {
            Self::Pkcs1v15 => {
                der.oid(&oid::RSA_ENCRYPTION);
                der.null();
            }
            Self::Oaep(digest) => {
                der.oid(&oid::RSAES_OAEP);
                write_digest_and_mask(der, digest, |_| ());
            }
        });
    }
}

/// A cipher for enveloped content, in CBC mode with PKCS#7 padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContentCipher {
    /// Single DES.
    DesCbc,
    /// Triple DES with three keys.
    TripleDesCbc,
    /// AES with a 128-bit key, mandatory to implement (RFC 8894 §2.9).
    Aes128Cbc,
    /// AES with a 192-bit key.
    Aes192Cbc,
    /// AES with a 256-bit key.
    Aes256Cbc,
}

impl ContentCipher {
    /// All of them, weakest first.
    pub const ALL: [Self; 5] =
        [Self::DesCbc, Self::TripleDesCbc, Self::Aes128Cbc, Self::Aes192Cbc, Self::Aes256Cbc];

    /// Its OID.
    #[must_use]
    pub const fn oid(self) -> Oid {
        match self {
            Self::DesCbc => oid::DES_CBC,
            Self::TripleDesCbc => oid::DES_EDE3_CBC,
            Self::Aes128Cbc => oid::AES128_CBC,
            Self::Aes192Cbc => oid::AES192_CBC,
            Self::Aes256Cbc => oid::AES256_CBC,
        }
    }

    /// The cipher with this OID.
    #[must_use]
    pub fn from_oid(oid: &Oid) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.oid() == *oid)
    }

    /// Octets of its key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::DesCbc => 8,
            Self::TripleDesCbc | Self::Aes192Cbc => 24,
            Self::Aes128Cbc => 16,
            Self::Aes256Cbc => 32,
        }
    }

    /// Octets of a block, and so of the initialisation vector.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::DesCbc | Self::TripleDesCbc => 8,
            Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc => 16,
        }
    }
}

/// Reads `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`.
pub(crate) fn read_algorithm<'a>(
    reader: &mut Reader<'a>,
) -> Result<(Oid, Option<&'a [u8]>), Asn1Error> {
    let mut algorithm = reader.sequence()?;
    let oid = algorithm.oid()?;
    let parameters = if algorithm.is_empty() { None } else { Some(algorithm.any()?.raw) };
    algorithm.finish()?;
    Ok((oid, parameters))
}

fn null_or_absent(parameters: Option<&[u8]>) -> Result<(), Error> {
    match parameters {
        None => Ok(()),
        Some(raw) => Ok(Reader::ber(raw).expect(Tag::NULL).map(|_| ())?),
    }
}

/// `RSASSA-PSS-params` (RFC 4055 §3.1); a salt of another length than the digest is not supported, nor is a trailer other than 1.
fn read_pss(raw: &[u8]) -> Result<DigestAlgorithm, Error> {
    let mut params = Reader::ber(raw).sequence()?;
    let (digest, mask) = read_digest_and_mask(&mut params)?;
    let salt = read_small_integer(&mut params, Tag::context(2), 20)?;
    let trailer = read_small_integer(&mut params, Tag::context(3), 1)?;
    params.finish()?;
    let has_its_mask = mask.unwrap_or(DigestAlgorithm::Sha1) == digest;
    if !has_its_mask || usize::from(salt) != digest.output_len() || trailer != 1 {
        return Err(Error::UnsupportedAlgorithm { oid: oid::RSASSA_PSS });
    }
    Ok(digest)
}

/// An explicitly tagged `INTEGER DEFAULT default` from 0 to 127.
fn read_small_integer(params: &mut Reader<'_>, tag: Tag, default: u8) -> Result<u8, Error> {
    let Some(explicit) = params.optional(tag)? else { return Ok(default) };
    match explicit.open()?.integer()? {
        [value @ 0..0x80] => Ok(*value),
        _ => Err(Error::UnsupportedAlgorithm { oid: oid::RSASSA_PSS }),
    }
}

/// `RSAES-OAEP-params` (RFC 4055 §4.1); only an empty label, and a mask by the same digest, is supported.
///
/// A mask left out is by the same digest, too: smallstep's pkcs7 leaves it out beside SHA-256 and means that. What RFC
/// 4055 makes of it, a mask by SHA-1, no backend unwraps.
fn read_oaep(raw: &[u8]) -> Result<DigestAlgorithm, Error> {
    let unsupported = Error::UnsupportedAlgorithm { oid: oid::RSAES_OAEP };
    let mut params = Reader::ber(raw).sequence()?;
    let (digest, mask) = read_digest_and_mask(&mut params)?;
    if mask.is_some_and(|mask| mask != digest) {
        return Err(unsupported);
    }
    if let Some(source) = params.optional(Tag::context(2))? {
        let (oid, label) = read_algorithm(&mut source.open()?)?;
        let label = Reader::ber(label.unwrap_or(&[0x04, 0])).octet_string()?;
        if oid != oid::P_SPECIFIED || !label.is_empty() {
            return Err(unsupported);
        }
    }
    params.finish()?;
    Ok(digest)
}

/// `[0] hashAlgorithm DEFAULT sha1, [1] maskGenAlgorithm DEFAULT mgf1SHA1`: the digest, and that of the mask if it is there.
fn read_digest_and_mask(
    params: &mut Reader<'_>,
) -> Result<(DigestAlgorithm, Option<DigestAlgorithm>), Error> {
    let digest = match params.optional(Tag::context(0))? {
        Some(explicit) => DigestAlgorithm::read(&mut explicit.open()?)?,
        None => DigestAlgorithm::Sha1,
    };
    let mask = match params.optional(Tag::context(1))? {
        Some(explicit) => {
            let (oid, inner) = read_algorithm(&mut explicit.open()?)?;
            if oid != oid::MGF1 {
                return Err(Error::UnsupportedAlgorithm { oid });
            }
            Some(DigestAlgorithm::read(&mut Reader::ber(inner.unwrap_or_default()))?)
        }
        None => None,
    };
    Ok((digest, mask))
}

fn write_pss(der: &mut DerWriter, digest: DigestAlgorithm) {
    write_digest_and_mask(der, digest, |der| {
        // DEFAULT 20 must not be written (X.690 §11.5).
        if digest.output_len() != 20 {
            der.constructed(Tag::context(2), |der| der.unsigned(digest.output_len() as u64));
        }
    });
}

fn write_digest_and_mask(
    der: &mut DerWriter,
    digest: DigestAlgorithm,
    rest: impl FnOnce(&mut DerWriter),
) {
    der.sequence(|der| {
        // SHA-1 is the DEFAULT of both and must not be written (X.690 §11.5).
        if digest != DigestAlgorithm::Sha1 {
            der.constructed(Tag::context(0), |der| digest.write(der));
            der.constructed(Tag::context(1), |der| {
                der.sequence(|der| {
                    der.oid(&oid::MGF1);
                    digest.write(der);
                });
            });
        }
        rest(der);
    });
}
