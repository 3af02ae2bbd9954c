//! Laws over generated trees: what was written reads back, in DER and in every BER disguise of it.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use proptest::prelude::*;
use scep_types::asn1::{Asn1Error, DerWriter, Limits, Reader, Tag, survey};

/// A value, free of its encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tree {
    Integer(u64),
    Octets(Vec<u8>),
    Other(Tag, Vec<u8>),
    Branch(Tag, Vec<Self>),
}

/// Choices a BER encoder is free to make, drawn anew for each element.
struct Disguise<'a> {
    choices: std::iter::Cycle<std::slice::Iter<'a, u8>>,
}

impl Tree {
    fn write_der(&self, der: &mut DerWriter) {
        match self {
            Self::Integer(value) => der.unsigned(*value),
            Self::Octets(octets) => der.primitive(Tag::OCTET_STRING, octets),
            Self::Other(tag, content) => der.primitive(*tag, content),
            Self::Branch(tag, children) => {
                der.constructed(*tag, |der| children.iter().for_each(|child| child.write_der(der)));
            }
        }
    }

    fn to_der(&self) -> Vec<u8> {
        DerWriter::encode(|der| self.write_der(der))
    }

    fn to_ber(&self, disguise: &mut Disguise<'_>) -> Vec<u8> {
        match self {
            Self::Octets(octets) if disguise.flip() => disguise.segmented(octets),
            Self::Branch(tag, children) => {
                let content: Vec<u8> =
                    children.iter().flat_map(|child| child.to_ber(disguise)).collect();
                disguise.constructed(tag.constructed(), &content)
            }
            primitive => {
                let mut der = primitive.to_der();
                let content = Reader::der(&der).any().unwrap().content.to_vec();
                der.truncate(1);
                disguise.definite(der[0], &content)
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let element = reader.any()?;
        if element.tag == Tag::INTEGER {
            let value =
                element.primitive()?.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet));
            return Ok(Self::Integer(value));
        }
        if element.tag == Tag::OCTET_STRING {
            return Ok(Self::Octets(element.octets()?.into_owned()));
        }
        let Ok(mut inside) = element.open() else {
            return Ok(Self::Other(element.tag, element.content.to_vec()));
        };
        let mut children = Vec::new();
        while !inside.is_empty() {
            children.push(Self::read(&mut inside)?);
        }
        Ok(Self::Branch(element.tag, children))
    }
}

impl Disguise<'_> {
    fn next(&mut self) -> u8 {
        *self.choices.next().unwrap()
    }

    fn flip(&mut self) -> bool {
        self.next() < 128
    }

    /// A definite length with up to three superfluous octets.
    fn definite(&mut self, identifier: u8, content: &[u8]) -> Vec<u8> {
        let padding = usize::from(self.next() % 4);
        let digits = content.len().to_be_bytes();
        let minimal = digits.iter().skip_while(|octet| **octet == 0).count().max(1);
        let used = (minimal + padding).min(digits.len());
        let mut out = vec![identifier];
        if padding == 0 && content.len() < 0x80 {
            out.push(u8::try_from(content.len()).unwrap());
        } else {
            out.push(0x80 | u8::try_from(used).unwrap());
            out.extend_from_slice(&digits[digits.len() - used..]);
        }
        out.extend_from_slice(content);
        out
    }

    fn constructed(&mut self, identifier: u8, content: &[u8]) -> Vec<u8> {
        if self.flip() {
            return self.definite(identifier, content);
        }
        [&[identifier, 0x80], content, &[0, 0]].concat()
    }

    /// Segments of one to seven octets, the last of them segmented once more.
    fn segmented(&mut self, octets: &[u8]) -> Vec<u8> {
        let size = usize::from(self.next() % 7) + 1;
        let mut content = Vec::new();
        for segment in octets.chunks(size) {
            let inner = self.definite(Tag::OCTET_STRING.primitive(), segment);
            content.extend(match self.next() % 3 {
                0 => self.constructed(Tag::OCTET_STRING.constructed(), &inner),
                _ => inner,
            });
        }
        self.constructed(Tag::OCTET_STRING.constructed(), &content)
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let octets = || prop::collection::vec(any::<u8>(), 0..200);
    let other = prop::sample::select(vec![
        Tag::UTF8_STRING,
        Tag::PRINTABLE_STRING,
        Tag::BIT_STRING,
        Tag::context(2),
    ]);
    let leaf = prop_oneof![
        (any::<u64>()).prop_map(Tree::Integer),
        octets().prop_map(Tree::Octets),
        (other, octets()).prop_map(|(tag, content)| Tree::Other(tag, content)),
    ];
    let branch = prop::sample::select(vec![Tag::SEQUENCE, Tag::SET, Tag::context(0)]);
    leaf.prop_recursive(6, 64, 8, move |child| {
        (branch.clone(), prop::collection::vec(child, 0..8))
            .prop_map(|(tag, children)| Tree::Branch(tag, children))
    })
}

/// A whole, bounded element under the reader's rules.
fn read_back(input: &[u8], mut reader: Reader<'_>) -> Result<Tree, Asn1Error> {
    assert_eq!(survey(input, Limits::MESSAGE), Ok(input.len()));
    let tree = Tree::read(&mut reader)?;
    reader.finish()?;
    Ok(tree)
}

/// Visits everything a reader offers; the point is that it returns.
fn explore(mut reader: Reader<'_>, depth: usize) {
    while let Ok(element) = reader.any() {
        let _ = element.octets();
        let _ = (Reader::ber(element.raw).oid(), Reader::ber(element.raw).bit_string_octets());
        if let (Ok(inside), Some(below)) = (element.open(), depth.checked_sub(1)) {
            explore(inside, below);
        }
    }
}

proptest! {
    #[test]
    fn der_reads_back_and_surveys_whole(tree in tree()) {
        let der = tree.to_der();
        prop_assert_eq!(read_back(&der, Reader::der(&der)), Ok(tree.clone()));
        prop_assert_eq!(read_back(&der, Reader::ber(&der)), Ok(tree));
    }

    #[test]
    fn every_ber_disguise_reads_back_to_the_same_values(
        tree in tree(),
        choices in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let ber = tree.to_ber(&mut Disguise { choices: choices.iter().cycle() });
        prop_assert_eq!(read_back(&ber, Reader::ber(&ber)), Ok(tree));
    }

    #[test]
    fn no_proper_prefix_is_a_whole_element(
        tree in tree(),
        choices in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let ber = tree.to_ber(&mut Disguise { choices: choices.iter().cycle() });
        for end in 0..ber.len() {
            prop_assert!(survey(&ber[..end], Limits::MESSAGE).is_err());
            prop_assert!(Reader::ber(&ber[..end]).any().is_err());
        }
    }

    #[test]
    fn arbitrary_octets_never_panic(input in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = survey(&input, Limits::MESSAGE);
        explore(Reader::ber(&input), 24);
        explore(Reader::der(&input), 24);
    }

    #[test]
    fn single_octet_changes_never_panic_and_reader_agrees_with_survey(
        tree in tree(),
        choices in prop::collection::vec(any::<u8>(), 1..64),
        position in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let mut input = tree.to_ber(&mut Disguise { choices: choices.iter().cycle() });
        let position = position.index(input.len());
        input[position] = octet;
        explore(Reader::ber(&input), 24);
        // Where both take the first element, they take the same octets.
        if let (Ok(end), Ok(element)) = (survey(&input, Limits::MESSAGE), Reader::ber(&input).any()) {
            prop_assert_eq!(element.raw.len(), end);
        }
    }
}
