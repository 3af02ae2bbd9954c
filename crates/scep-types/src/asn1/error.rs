use super::Tag;

/// Why bytes are not the ASN.1 they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Asn1Error {
    /// The input ends inside an element.
    #[error("input ends inside an element: {needed} octets needed, {available} left")]
    Truncated {
        /// Octets the element still needs.
        needed: usize,
        /// Octets that are left.
        available: usize,
    },
    /// Another element was expected here.
    #[error("expected {expected}, found {found}")]
    UnexpectedTag {
        /// The tag the structure demands.
        expected: Tag,
        /// The tag in the input.
        found: Tag,
    },
    /// A tag number above 30, which no structure of SCEP uses.
    #[error("tag number above 30")]
    HighTagNumber,
    /// The length octets are not allowed by the rules in force (DER) or not representable.
    #[error("invalid length octets")]
    InvalidLength,
    /// A primitive element where a constructed one must stand, or the reverse.
    #[error("{tag} in the wrong form (primitive or constructed)")]
    WrongForm {
        /// The element.
        tag: Tag,
    },
    /// Octets after the end of a structure.
    #[error("{octets} octets after the end of the structure")]
    TrailingData {
        /// How many octets follow.
        octets: usize,
    },
    /// The content of a primitive element is not a value of its type.
    #[error("content is not a valid {tag}")]
    InvalidValue {
        /// The element.
        tag: Tag,
    },
    /// The input is larger than the limit.
    #[error("{size} octets exceed the limit of {limit}")]
    TooLarge {
        /// Size of the input in octets.
        size: usize,
        /// The limit in octets.
        limit: usize,
    },
    /// Elements are nested more deeply than the limit.
    #[error("nested more deeply than {limit} levels")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// The input holds more elements than the limit.
    #[error("more than {limit} elements")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
}
