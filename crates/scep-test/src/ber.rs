//! DER made into the BER that real peers send: indefinite lengths, segmented strings, lengths longer than they need be.
//!
//! Only CMS structure changes. Certificates, names and signed attributes are what signatures and comparisons cover, and
//! stay as they are, octet by octet.

use scep_types::asn1::{Reader, Tag, Tlv};

/// How an encoding differs from DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// How constructed elements say where they end.
    pub lengths: Lengths,
    /// Where strings are cut into segments.
    pub segments: Segments,
}

/// How constructed elements say where they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// By end-of-contents.
    Indefinite,
    /// By a length with as many zero octets in front as are given here.
    Padded(u8),
    /// As in DER.
    Minimal,
}

/// Where strings are cut into segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segments {
    /// Nowhere: strings stay primitive.
    One,
    /// Into segments of so many octets, as Bouncy Castle cuts after 1,000.
    OfOctets(usize),
    /// At these places; one that is too far gives an empty segment.
    CutAt(Vec<usize>),
    /// Into segments that consist of segments.
    Nested,
}

impl Style {
    /// What Apple and Bouncy Castle write.
    #[must_use]
    pub fn streamed() -> Self {
        Self { lengths: Lengths::Indefinite, segments: Segments::OfOctets(1000) }
    }
}

/// A ContentInfo with SignedData, DER, in another style.
///
/// Segmented are eContent and the signatures.
#[must_use]
pub fn signed_data(der: &[u8], style: &Style) -> Vec<u8> {
    let mut out = Writer { style, out: Vec::new() };
    out.content_info(der, |out, fields| {
        out.copy(fields); // version
        out.shell(fields, Writer::copy_all); // digestAlgorithms
        out.shell(fields, |out, fields| {
            out.copy(fields);
            if !fields.is_empty() {
                out.shell(fields, |out, fields| out.string(&next(fields)));
            }
        });
        while fields.peek() != Some(Tag::SET) {
            out.shell(fields, Writer::copy_all); // certificates, crls
        }
        out.shell(fields, |out, infos| {
            while !infos.is_empty() {
                out.shell(infos, Writer::signer_info);
            }
        });
    });
    out.out
}

/// A ContentInfo with EnvelopedData, DER, in another style.
///
/// Segmented are encryptedKey, the initialisation vector and encryptedContent.
#[must_use]
pub fn enveloped_data(der: &[u8], style: &Style) -> Vec<u8> {
    let mut out = Writer { style, out: Vec::new() };
    out.content_info(der, |out, fields| {
        out.copy(fields); // version
        out.shell(fields, |out, infos| {
            while !infos.is_empty() {
                let by_password = infos.peek() == Some(Tag::context(3));
                out.shell(infos, |out, fields| {
                    out.copy(fields); // version
                    if by_password {
                        out.shell(fields, Writer::copy_all); // keyDerivationAlgorithm
                    } else {
                        out.copy(fields); // rid
                    }
                    out.shell(fields, Writer::copy_all); // keyEncryptionAlgorithm
                    out.string(&next(fields));
                });
            }
        });
        out.shell(fields, |out, fields| {
            out.copy(fields); // contentType
            out.shell(fields, |out, fields| {
                out.copy(fields);
                out.string(&next(fields));
            });
            out.string(&next(fields));
        });
    });
    out.out
}

struct Writer<'s> {
    style: &'s Style,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn content_info(&mut self, der: &[u8], content: impl FnOnce(&mut Self, &mut Reader<'_>)) {
        self.shell(&mut Reader::der(der), |out, fields| {
            out.copy(fields);
            out.shell(fields, |out, fields| out.shell(fields, content));
        });
    }

    fn signer_info(&mut self, fields: &mut Reader<'_>) {
        self.copy(fields); // version
        self.copy(fields); // sid
        self.shell(fields, Self::copy_all); // digestAlgorithm
        if fields.peek() == Some(Tag::context(0)) {
            self.copy(fields); // signedAttrs
        }
        self.shell(fields, Self::copy_all); // signatureAlgorithm
        self.string(&next(fields));
        self.copy_all(fields); // unsignedAttrs
    }

    /// A constructed element in the style, its content by `content`.
    fn shell(&mut self, reader: &mut Reader<'_>, content: impl FnOnce(&mut Self, &mut Reader<'_>)) {
        let element = next(reader);
        let mut inner = Writer { style: self.style, out: Vec::new() };
        let mut fields = element.open().unwrap();
        content(&mut inner, &mut fields);
        fields.finish().unwrap();
        self.constructed(element.tag, &inner.out);
    }

    fn copy(&mut self, reader: &mut Reader<'_>) {
        self.out.extend_from_slice(next(reader).raw);
    }

    fn copy_all(&mut self, reader: &mut Reader<'_>) {
        while !reader.is_empty() {
            self.copy(reader);
        }
    }

    /// A string in the style, under the tag it has.
    fn string(&mut self, string: &Tlv<'_>) {
        let octets = string.primitive().unwrap();
        let segments = match &self.style.segments {
            Segments::One => {
                self.primitive(string.tag, octets);
                return;
            }
            Segments::OfOctets(size) => octets.chunks(*size).collect(),
            Segments::CutAt(places) => cut(octets, places),
            Segments::Nested => cut(octets, &[octets.len() / 3]),
        };
        let mut inner = Writer { style: self.style, out: Vec::new() };
        for segment in segments {
            if self.style.segments == Segments::Nested {
                let mut nested = Writer { style: self.style, out: Vec::new() };
                nested.primitive(Tag::OCTET_STRING, segment);
                nested.primitive(Tag::OCTET_STRING, &[]);
                inner.constructed(Tag::OCTET_STRING, &nested.out);
            } else {
                inner.primitive(Tag::OCTET_STRING, segment);
            }
        }
        self.constructed(string.tag, &inner.out);
    }

    fn constructed(&mut self, tag: Tag, content: &[u8]) {
        self.out.push(tag.constructed());
        match self.style.lengths {
            Lengths::Indefinite => {
                self.out.push(0x80);
                self.out.extend_from_slice(content);
                self.out.extend_from_slice(&[0, 0]);
            }
            Lengths::Padded(_) | Lengths::Minimal => {
                self.length(content.len());
                self.out.extend_from_slice(content);
            }
        }
    }

    fn primitive(&mut self, tag: Tag, content: &[u8]) {
        self.out.push(tag.primitive());
        self.length(content.len());
        self.out.extend_from_slice(content);
    }

    fn length(&mut self, length: usize) {
        let zeros = match self.style.lengths {
            Lengths::Padded(zeros) => usize::from(zeros),
            Lengths::Indefinite | Lengths::Minimal => 0,
        };
        let digits = u32::try_from(length).unwrap().to_be_bytes();
        let digits: Vec<u8> = digits.into_iter().skip_while(|digit| *digit == 0).collect();
        if zeros == 0 && length < 0x80 {
            self.out.push(digits.first().copied().unwrap_or(0));
            return;
        }
        let count = digits.len().saturating_add(zeros);
        self.out.push(0x80 | u8::try_from(count).unwrap());
        self.out.resize(self.out.len().saturating_add(zeros), 0);
        self.out.extend(digits);
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Tlv<'a> {
    reader.any().unwrap()
}

fn cut<'a>(octets: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut segments = Vec::new();
    let (mut rest, mut at) = (octets, 0_usize);
    for place in places {
        let (segment, after) = rest.split_at(place.saturating_sub(at).min(rest.len()));
        at = at.saturating_add(segment.len());
        segments.push(segment);
        rest = after;
    }
    segments.push(rest);
    segments
}
