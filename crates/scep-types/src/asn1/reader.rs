use std::borrow::Cow;

use super::survey::end_of_element;
use super::{Asn1Error, Limits, Tag};
use crate::oid::Oid;

/// Which encodings a [`Reader`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Indefinite lengths, segmented strings and non-minimal lengths as well as DER.
    Ber,
    /// Definite, minimal lengths and primitive strings only.
    Der,
}

/// One element as it stands in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Class and number.
    pub tag: Tag,
    /// Whether the content is itself elements.
    pub constructed: bool,
    /// The content octets, without header and without end-of-contents.
    pub content: &'a [u8],
    /// The whole element: header, content, and end-of-contents if there is one.
    pub raw: &'a [u8],
    rules: Rules,
}

/// Reads elements one after the other from a borrowed slice.
///
/// ```
/// use scep_types::asn1::{Reader, Tag};
///
/// // SEQUENCE { INTEGER 5 } with an indefinite length
/// let mut reader = Reader::ber(&[0x30, 0x80, 0x02, 0x01, 0x05, 0x00, 0x00]);
/// let mut sequence = reader.sequence()?;
/// assert_eq!(sequence.integer()?, [5]);
/// sequence.finish()?;
/// reader.finish()?;
/// # Ok::<(), scep_types::asn1::Asn1Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    rules: Rules,
}

/// An identifier octet and its length octets.
pub(super) struct Header {
    pub(super) tag: Tag,
    pub(super) constructed: bool,
    /// `None` for an indefinite length.
    pub(super) length: Option<usize>,
    /// Octets of the header itself.
    pub(super) size: usize,
    minimal: bool,
}

impl<'a> Reader<'a> {
    /// A reader that takes BER.
    #[must_use]
    pub fn ber(input: &'a [u8]) -> Self {
        Self { rest: input, rules: Rules::Ber }
    }

    /// A reader that takes DER only.
    #[must_use]
    pub fn der(input: &'a [u8]) -> Self {
        Self { rest: input, rules: Rules::Der }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left to read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element, or `None` at the end.
    #[must_use]
    pub fn peek(&self) -> Option<Tag> {
        self.rest.first().map(|octet| Tag::from_identifier(*octet))
    }

    /// The next element, whatever it is.
    ///
    /// # Errors
    /// The element is cut off or its header malformed.
    pub fn any(&mut self) -> Result<Tlv<'a>, Asn1Error> {
        let header = Header::parse(self.rest)?;
        if self.rules == Rules::Der && !header.minimal {
            return Err(Asn1Error::InvalidLength);
        }
        let (end, trailer) = match header.length {
            Some(length) => (header.size.checked_add(length).ok_or(Asn1Error::InvalidLength)?, 0),
            None if header.constructed => (end_of_element(self.rest)?, 2),
            None => return Err(Asn1Error::InvalidLength),
        };
        let truncated = Asn1Error::Truncated {
            needed: end.saturating_sub(header.size),
            available: self.rest.len().saturating_sub(header.size),
        };
        let (raw, rest) = self.rest.split_at_checked(end).ok_or(truncated)?;
        let content = raw.get(header.size..end.saturating_sub(trailer)).ok_or(truncated)?;
        self.rest = rest;
        Ok(Tlv {
            tag: header.tag,
            constructed: header.constructed,
            content,
            raw,
            rules: self.rules,
        })
    }

    /// The next element, which must have this tag.
    ///
    /// # Errors
    /// The input ends, the element is malformed, or it is another one.
    pub fn expect(&mut self, tag: Tag) -> Result<Tlv<'a>, Asn1Error> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            Some(found) => Err(Asn1Error::UnexpectedTag { expected: tag, found }),
            None => Err(Asn1Error::Truncated { needed: 1, available: 0 }),
        }
    }

    /// The next element if it has this tag.
    ///
    /// # Errors
    /// The element has the tag but is malformed.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Tlv<'a>>, Asn1Error> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Opens the next element, a SEQUENCE.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the element is primitive.
    pub fn sequence(&mut self) -> Result<Self, Asn1Error> {
        self.expect(Tag::SEQUENCE)?.open()
    }

    /// Opens the next element, a SET.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the element is primitive.
    pub fn set(&mut self) -> Result<Self, Asn1Error> {
        self.expect(Tag::SET)?.open()
    }

    /// The content octets of the next element, an INTEGER of at least one octet.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the element is constructed or empty.
    pub fn integer(&mut self) -> Result<&'a [u8], Asn1Error> {
        let content = self.expect(Tag::INTEGER)?.primitive()?;
        if content.is_empty() {
            return Err(Asn1Error::InvalidValue { tag: Tag::INTEGER });
        }
        Ok(content)
    }

    /// The next element, an OBJECT IDENTIFIER.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the content is no OID of at most [`Oid::MAX_OCTETS`] octets.
    pub fn oid(&mut self) -> Result<Oid, Asn1Error> {
        let content = self.expect(Tag::OBJECT_IDENTIFIER)?.primitive()?;
        Oid::from_content(content).ok_or(Asn1Error::InvalidValue { tag: Tag::OBJECT_IDENTIFIER })
    }

    /// The octets of the next element, an OCTET STRING, its segments joined.
    ///
    /// # Errors
    /// As [`Reader::expect`] and [`Tlv::octets`].
    pub fn octet_string(&mut self) -> Result<Cow<'a, [u8]>, Asn1Error> {
        self.expect(Tag::OCTET_STRING)?.octets()
    }

    /// The octets of the next element, a primitive BIT STRING with no unused bits.
    ///
    /// # Errors
    /// As [`Reader::expect`], or bits of the last octet are unused.
    pub fn bit_string_octets(&mut self) -> Result<&'a [u8], Asn1Error> {
        match self.expect(Tag::BIT_STRING)?.primitive()? {
            [0, octets @ ..] => Ok(octets),
            _ => Err(Asn1Error::InvalidValue { tag: Tag::BIT_STRING }),
        }
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// Octets are left.
    pub fn finish(&self) -> Result<(), Asn1Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Asn1Error::TrailingData { octets: self.rest.len() })
        }
    }
}

impl<'a> Tlv<'a> {
    /// A reader over the elements inside, by the same rules.
    ///
    /// # Errors
    /// The element is primitive.
    pub fn open(&self) -> Result<Reader<'a>, Asn1Error> {
        if self.constructed {
            Ok(Reader { rest: self.content, rules: self.rules })
        } else {
            Err(Asn1Error::WrongForm { tag: self.tag })
        }
    }

    /// The content octets of a primitive element.
    ///
    /// # Errors
    /// The element is constructed.
    pub fn primitive(&self) -> Result<&'a [u8], Asn1Error> {
        if self.constructed {
            Err(Asn1Error::WrongForm { tag: self.tag })
        } else {
            Ok(self.content)
        }
    }

    /// The octets of an OCTET STRING, whatever its (implicit) tag; segments are joined (X.690 §8.7).
    ///
    /// # Errors
    /// The element is segmented under DER rules, or a segment is no OCTET STRING.
    pub fn octets(&self) -> Result<Cow<'a, [u8]>, Asn1Error> {
        self.join_segments(Limits::MESSAGE.depth)
    }

    /// Segments may hold segments: `levels` bounds the recursion also where nobody surveyed the input.
    fn join_segments(&self, levels: usize) -> Result<Cow<'a, [u8]>, Asn1Error> {
        if !self.constructed {
            return Ok(Cow::Borrowed(self.content));
        }
        if self.rules == Rules::Der {
            return Err(Asn1Error::WrongForm { tag: self.tag });
        }
        let below =
            levels.checked_sub(1).ok_or(Asn1Error::TooDeep { limit: Limits::MESSAGE.depth })?;
        let mut joined = Cow::Borrowed(&[][..]);
        let mut segments = self.open()?;
        while !segments.is_empty() {
            let segment = segments.expect(Tag::OCTET_STRING)?.join_segments(below)?;
            if joined.is_empty() {
                joined = segment; // the only one as a rule: nothing is copied
            } else {
                joined.to_mut().extend_from_slice(&segment);
            }
        }
        Ok(joined)
    }
}

impl Header {
    pub(super) fn parse(input: &[u8]) -> Result<Self, Asn1Error> {
        let cut_off = |needed| Asn1Error::Truncated { needed, available: input.len() };
        let (&identifier, after) = input.split_first().ok_or(cut_off(2))?;
        if identifier & 0x1F == 0x1F {
            return Err(Asn1Error::HighTagNumber);
        }
        let (&first, after) = after.split_first().ok_or(cut_off(2))?;
        let header = |length, octets: usize, minimal| Self {
            tag: Tag::from_identifier(identifier),
            constructed: identifier & super::tag::CONSTRUCTED != 0,
            length,
            size: octets.saturating_add(2),
            minimal,
        };
        match first {
            0..=0x7F => Ok(header(Some(usize::from(first)), 0, true)),
            0x80 => Ok(header(None, 0, false)),
            0xFF => Err(Asn1Error::InvalidLength),
            _ => {
                let count = usize::from(first & 0x7F);
                let octets = after.get(..count).ok_or(cut_off(count.saturating_add(2)))?;
                let length = long_length(octets)?;
                let minimal = length > 0x7F && octets.first() != Some(&0);
                Ok(header(Some(length), count, minimal))
            }
        }
    }
}

/// The length that these octets spell, leading zeros allowed.
fn long_length(octets: &[u8]) -> Result<usize, Asn1Error> {
    octets.iter().try_fold(0_usize, |length, octet| {
        let shifted = length.checked_mul(256).ok_or(Asn1Error::InvalidLength)?;
        Ok(shifted | usize::from(*octet))
    })
}
