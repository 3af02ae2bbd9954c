use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::header::Header;
use super::{Algorithm, Compatibility, Leniency};
use crate::{Error, Malformed, Part};

/// Characters a challenge may have; as many as a challengePassword.
pub(super) const MAX_CHALLENGE: usize = 16 * 1024;
/// Characters of the encoded header: 1 KiB of JSON.
const MAX_HEADER: usize = 1_366;

/// base64url with canonical padding or none; unused bits must be zero all the same.
const MAYBE_PADDED: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A challenge in the form of a JWS, parsed; its signature is not verified yet (RFC 7515 §3.1).
///
/// ```text
/// BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)
/// ```
pub struct SignedChallenge {
    signing_input: Zeroizing<Vec<u8>>,
    padding: Padding,
    header: Header,
    payload: Zeroizing<Vec<u8>>,
    signature: Vec<u8>,
}

/// Whether a segment was padded, which only a leniency admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    None,
    Some,
}

impl SignedChallenge {
    /// Parses the text of a challengePassword. [`Verifier::parse`](super::Verifier::parse) does the same with the
    /// verifier's leniencies.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::MissingAlgorithm`], or [`Error::AlgorithmNotAllowed`] for an `alg` that no
    /// verifier takes.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::parse_with(text.as_ref(), Compatibility::Strict)
    }

    pub(super) fn parse_with(text: &[u8], compatibility: Compatibility) -> Result<Self, Error> {
        at_most(Part::Challenge, text, MAX_CHALLENGE)?;
        let mut segments = text.split(|octet| *octet == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            let found = text.split(|octet| *octet == b'.').count();
            return Err(Malformed::Segments { found }.into());
        };
        at_most(Part::Header, header, MAX_HEADER)?;
        let signed_octets = header.len().saturating_add(1).saturating_add(payload.len());
        let signing_input = text.get(..signed_octets).unwrap_or_default();
        Ok(Self {
            header: Header::read(&decode(Part::Header, header, compatibility)?)?,
            payload: Zeroizing::new(decode(Part::Payload, payload, compatibility)?),
            signature: decode(Part::Signature, signature, compatibility)?,
            padding: if text.contains(&b'=') { Padding::Some } else { Padding::None },
            signing_input: Zeroizing::new(signing_input.to_vec()),
        })
    }

    /// The algorithm its header names.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The octets that the signature covers, as received (RFC 7515 §5.2).
    pub(super) fn signing_input(&self) -> &[u8] {
        &self.signing_input
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(super) fn padding(&self) -> Padding {
        self.padding
    }
}

fn at_most(part: Part, text: &[u8], limit: usize) -> Result<(), Malformed> {
    let found = text.len();
    if found > limit { Err(Malformed::TooLong { part, found, limit }) } else { Ok(()) }
}

fn decode(part: Part, segment: &[u8], compatibility: Compatibility) -> Result<Vec<u8>, Malformed> {
    if segment.is_empty() {
        return Err(Malformed::Empty(part));
    }
    let engine =
        if compatibility.grants(Leniency::Padding) { MAYBE_PADDED } else { URL_SAFE_NO_PAD };
    engine.decode(segment).map_err(|_| Malformed::Base64(part))
}

impl fmt::Debug for SignedChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signing_input: _, padding, header, payload, signature: _ } = self;
        f.debug_struct("SignedChallenge")
            .field("algorithm", &header.algorithm)
            .field("padding", padding)
            .field("payload_octets", &payload.len())
            .finish_non_exhaustive()
    }
}
