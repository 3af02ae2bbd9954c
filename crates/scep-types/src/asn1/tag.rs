use std::fmt;

/// An identifier octet without its constructed bit: class and number (0 to 30).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u8);

/// The bit of an identifier octet that says *constructed* (X.690 §8.1.2.5).
pub(super) const CONSTRUCTED: u8 = 0x20;

impl Tag {
    /// End-of-contents, which closes an indefinite length.
    pub const END_OF_CONTENTS: Self = Self(0x00);
    /// BOOLEAN.
    pub const BOOLEAN: Self = Self(0x01);
    /// INTEGER.
    pub const INTEGER: Self = Self(0x02);
    /// BIT STRING.
    pub const BIT_STRING: Self = Self(0x03);
    /// OCTET STRING.
    pub const OCTET_STRING: Self = Self(0x04);
    /// NULL.
    pub const NULL: Self = Self(0x05);
    /// OBJECT IDENTIFIER.
    pub const OBJECT_IDENTIFIER: Self = Self(0x06);
    /// ENUMERATED.
    pub const ENUMERATED: Self = Self(0x0A);
    /// UTF8String.
    pub const UTF8_STRING: Self = Self(0x0C);
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: Self = Self(0x10);
    /// SET and SET OF.
    pub const SET: Self = Self(0x11);
    /// PrintableString.
    pub const PRINTABLE_STRING: Self = Self(0x13);
    /// T61String (TeletexString).
    pub const T61_STRING: Self = Self(0x14);
    /// IA5String.
    pub const IA5_STRING: Self = Self(0x16);
    /// UTCTime.
    pub const UTC_TIME: Self = Self(0x17);
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: Self = Self(0x18);
    /// VisibleString.
    pub const VISIBLE_STRING: Self = Self(0x1A);
    /// UniversalString.
    pub const UNIVERSAL_STRING: Self = Self(0x1C);
    /// BMPString.
    pub const BMP_STRING: Self = Self(0x1E);

    /// The context-specific tag `[number]`; numbers above 30 do not occur and wrap into the low five bits.
    #[must_use]
    pub const fn context(number: u8) -> Self {
        Self(0x80 | (number & 0x1F))
    }

    /// The tag of an identifier octet, constructed or not.
    #[must_use]
    pub const fn from_identifier(octet: u8) -> Self {
        Self(octet & !CONSTRUCTED)
    }

    /// The identifier octet of the primitive form.
    #[must_use]
    pub const fn primitive(self) -> u8 {
        self.0
    }

    /// The identifier octet of the constructed form.
    #[must_use]
    pub const fn constructed(self) -> u8 {
        self.0 | CONSTRUCTED
    }

    /// The number of a context-specific tag, or `None` for another class.
    #[must_use]
    pub const fn context_number(self) -> Option<u8> {
        if self.0 & 0xC0 == 0x80 { Some(self.0 & 0x1F) } else { None }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::END_OF_CONTENTS => "end-of-contents",
            Self::BOOLEAN => "BOOLEAN",
            Self::INTEGER => "INTEGER",
            Self::BIT_STRING => "BIT STRING",
            Self::OCTET_STRING => "OCTET STRING",
            Self::NULL => "NULL",
            Self::OBJECT_IDENTIFIER => "OBJECT IDENTIFIER",
            Self::ENUMERATED => "ENUMERATED",
            Self::UTF8_STRING => "UTF8String",
            Self::SEQUENCE => "SEQUENCE",
            Self::SET => "SET",
            Self::PRINTABLE_STRING => "PrintableString",
            Self::T61_STRING => "T61String",
            Self::IA5_STRING => "IA5String",
            Self::UTC_TIME => "UTCTime",
            Self::GENERALIZED_TIME => "GeneralizedTime",
            Self::VISIBLE_STRING => "VisibleString",
            Self::UNIVERSAL_STRING => "UniversalString",
            Self::BMP_STRING => "BMPString",
            Self(octet) => {
                let number = octet & 0x1F;
                return match octet >> 6 {
                    0 => write!(f, "[UNIVERSAL {number}]"),
                    1 => write!(f, "[APPLICATION {number}]"),
                    2 => write!(f, "[{number}]"),
                    _ => write!(f, "[PRIVATE {number}]"),
                };
            }
        };
        f.write_str(name)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
