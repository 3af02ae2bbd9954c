use super::Tag;
use crate::oid::Oid;

/// Octets that [`DerWriter::encode`] starts with, enough for an extension or an attribute.
const ROOM: usize = 64;

/// Writes DER front to back; constructed elements are closures, their lengths are put in afterwards.
///
/// ```
/// use scep_types::asn1::{DerWriter, Tag};
///
/// let mut der = DerWriter::new();
/// der.sequence(|der| {
///     der.unsigned(5_u64);
///     der.primitive(Tag::OCTET_STRING, b"abc");
/// });
/// assert_eq!(der.into_vec(), [0x30, 8, 2, 1, 5, 4, 3, b'a', b'b', b'c']);
/// ```
#[derive(Debug, Default, Clone)]
pub struct DerWriter {
    out: Vec<u8>,
}

impl DerWriter {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `octets`.
    #[must_use]
    pub fn with_capacity(octets: usize) -> Self {
        Self { out: Vec::with_capacity(octets) }
    }

    /// An empty writer with room for these parts and `beside` octets more: a buffer that grows leaves copies behind.
    #[must_use]
    pub fn with_room_for(parts: &[&[u8]], beside: usize) -> Self {
        Self::with_capacity(parts.iter().fold(beside, |sum, part| sum.saturating_add(part.len())))
    }

    /// A constructed element with the elements that `content` writes.
    pub fn constructed(&mut self, tag: Tag, content: impl FnOnce(&mut Self)) {
        self.patched(tag.constructed(), content);
    }

    /// A SEQUENCE with the elements that `content` writes.
    pub fn sequence(&mut self, content: impl FnOnce(&mut Self)) {
        self.constructed(Tag::SEQUENCE, content);
    }

    /// A SET with the elements that `content` writes, in the order they are written.
    pub fn set(&mut self, content: impl FnOnce(&mut Self)) {
        self.constructed(Tag::SET, content);
    }

    /// A SET OF whose members are put into DER order (X.690 §11.6).
    pub fn sorted_set(&mut self, tag: Tag, mut members: Vec<Vec<u8>>) {
        members.sort_unstable();
        self.constructed(tag, |der| members.iter().for_each(|member| der.raw(member)));
    }

    /// An OCTET STRING that holds the elements that `content` writes.
    pub fn octet_string_of(&mut self, content: impl FnOnce(&mut Self)) {
        self.patched(Tag::OCTET_STRING.primitive(), content);
    }

    /// A BIT STRING without unused bits that holds the elements that `content` writes.
    pub fn bit_string_of(&mut self, content: impl FnOnce(&mut Self)) {
        self.patched(Tag::BIT_STRING.primitive(), |der| {
            der.raw(&[0]);
            content(der);
        });
    }

    /// A primitive element.
    pub fn primitive(&mut self, tag: Tag, content: &[u8]) {
        self.out.push(tag.primitive());
        self.length(content.len());
        self.out.extend_from_slice(content);
    }

    /// A non-negative INTEGER.
    pub fn unsigned(&mut self, value: impl Into<u64>) {
        self.unsigned_octets(&value.into().to_be_bytes());
    }

    /// A non-negative INTEGER from its big-endian octets; leading zeros are dropped, one is added where the sign needs it.
    pub fn unsigned_octets(&mut self, magnitude: &[u8]) {
        let zeros = magnitude.iter().take_while(|octet| **octet == 0).count();
        let digits = magnitude.get(zeros..).unwrap_or_default();
        let pad = digits.first().is_none_or(|first| first & 0x80 != 0);
        self.out.push(Tag::INTEGER.primitive());
        self.length(digits.len().saturating_add(usize::from(pad)));
        if pad {
            self.out.push(0);
        }
        self.out.extend_from_slice(digits);
    }

    /// A BOOLEAN TRUE; FALSE is a default everywhere in PKIX and not written.
    pub fn boolean_true(&mut self) {
        self.primitive(Tag::BOOLEAN, &[0xFF]);
    }

    /// An OBJECT IDENTIFIER.
    pub fn oid(&mut self, oid: &Oid) {
        self.primitive(Tag::OBJECT_IDENTIFIER, oid.content());
    }

    /// NULL.
    pub fn null(&mut self) {
        self.primitive(Tag::NULL, &[]);
    }

    /// Octets that are DER already.
    pub fn raw(&mut self, der: &[u8]) {
        self.out.extend_from_slice(der);
    }

    /// What was written.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.out
    }

    /// The DER that `content` writes.
    #[must_use]
    pub fn encode(content: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut der = Self::with_capacity(ROOM);
        content(&mut der);
        der.into_vec()
    }

    /// Writes the identifier, one length octet and the content, then widens the length if it needs more.
    fn patched(&mut self, identifier: u8, content: impl FnOnce(&mut Self)) {
        self.out.push(identifier);
        let length_at = self.out.len();
        self.out.push(0);
        let start = self.out.len();
        content(self);
        let length = self.out.len().saturating_sub(start);
        if let (Ok(short @ 0..=0x7F), Some(octet)) =
            (u8::try_from(length), self.out.get_mut(length_at))
        {
            *octet = short; // most elements are short: nothing has to move
            return;
        }
        let (octets, used) = length_octets(length);
        let octets = octets.get(octets.len().saturating_sub(used)..).unwrap_or_default();
        let (end, more) = (self.out.len(), used.saturating_sub(1));
        let moved = start.saturating_add(more);
        self.out.resize(end.saturating_add(more), 0);
        self.out.copy_within(start..end, moved);
        if let Some(place) = self.out.get_mut(length_at..moved) {
            place.copy_from_slice(octets);
        }
    }

    fn length(&mut self, length: usize) {
        let (octets, used) = length_octets(length);
        self.out.extend(octets.iter().skip(octets.len().saturating_sub(used)));
    }
}

/// The length octets, right-aligned, and how many there are.
fn length_octets(length: usize) -> ([u8; 9], usize) {
    let mut octets = [0; 9];
    if let (Ok(short @ 0..=0x7F), [.., last]) = (u8::try_from(length), &mut octets) {
        *last = short;
        return (octets, 1);
    }
    let digits = (length as u64).to_be_bytes();
    let zeros = digits.iter().take_while(|octet| **octet == 0).count();
    let used = digits.len().saturating_sub(zeros);
    octets.iter_mut().skip(1).zip(digits).for_each(|(octet, digit)| *octet = digit);
    if let Some(first) = octets.get_mut(zeros) {
        *first = 0x80 | u8::try_from(used).unwrap_or(8);
    }
    (octets, used.saturating_add(1))
}
