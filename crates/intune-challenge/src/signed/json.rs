//! JSON objects that no two readers can read in two ways: no member twice at any level, names compared exactly,
//! bounded depth, nothing after the end.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Malformed, Part};

/// Levels of objects and arrays, the outermost object among them.
const MAX_DEPTH: usize = 16;

/// Whether a reader knew a member and took its value.
pub(super) enum Member {
    Taken,
    Unknown,
}

/// Reads the members it knows of one JSON object.
pub(super) trait Members {
    /// Takes the value of the member `name` if it knows it.
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
        faults: &Faults,
    ) -> Result<Member, A::Error>;
}

/// The fault that made us stop; `serde_json`'s own errors cannot carry it.
pub(super) struct Faults {
    part: Part,
    fault: Cell<Option<Malformed>>,
}

impl Faults {
    /// Notes `fault` and gives an error that stops the reading.
    pub(super) fn refuse<E: serde_core::de::Error>(&self, fault: Malformed) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn too_deep<E: serde_core::de::Error>(&self) -> E {
        self.refuse(Malformed::TooDeep { part: self.part, limit: MAX_DEPTH })
    }
}

/// Hands each member of the JSON object `json` to `members`; members it does not know are checked and skipped.
pub(super) fn read_object(
    json: &[u8],
    part: Part,
    members: &mut impl Members,
) -> Result<(), Malformed> {
    let faults = Faults { part, fault: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = deserializer
        .deserialize_map(Object { members, faults: &faults })
        .and_then(|()| deserializer.end());
    read.map_err(|_| faults.fault.take().unwrap_or(Malformed::Json(part)))
}

struct Object<'a, M> {
    members: &'a mut M,
    faults: &'a Faults,
}

impl<'de, M: Members> Visitor<'de> for Object<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key_seed(Name)? {
            note_name(&mut names, name.clone(), self.faults)?;
            if let Member::Unknown = self.members.member(&name, &mut map, self.faults)? {
                map.next_value_seed(Skipped { depth: 1, faults: self.faults })?;
            }
        }
        Ok(())
    }
}

fn note_name<'de, E: serde_core::de::Error>(
    names: &mut BTreeSet<Cow<'de, str>>,
    name: Cow<'de, str>,
    faults: &Faults,
) -> Result<(), E> {
    if names.insert(name) {
        Ok(())
    } else {
        Err(faults.refuse(Malformed::DuplicateMember(faults.part)))
    }
}

/// The name of a member, escapes resolved.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// A value of no interest, held to the same rules.
#[derive(Clone, Copy)]
struct Skipped<'a> {
    /// Levels above it.
    depth: usize,
    faults: &'a Faults,
}

impl Skipped<'_> {
    fn inner<E: serde_core::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.faults.too_deep());
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Skipped<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skipped<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key_seed(Name)? {
            note_name(&mut names, name, self.faults)?;
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}
