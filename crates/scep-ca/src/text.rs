//! How durations, OIDs and key usages stand in a configuration file.

/// A whole number and a unit: `d`, `h`, `m` or `s`.
pub(crate) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let seconds = value.as_secs();
        let exact = UNITS.iter().find(|(_, size)| seconds.is_multiple_of(*size));
        let (unit, size) = exact.copied().unwrap_or(('s', 1));
        to.collect_str(&format_args!("{}{unit}", seconds / size))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse(&text).ok_or_else(|| {
            de::Error::invalid_value(
                de::Unexpected::Str(&text),
                &"a duration such as 90d, 12h, 10m or 30s",
            )
        })
    }

    fn parse(text: &str) -> Option<Duration> {
        let (unit, size) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number = text.strip_suffix(*unit)?;
        let digits = number.bytes().all(|octet| octet.is_ascii_digit());
        let count: u64 = digits.then(|| number.parse().ok())??;
        count.checked_mul(*size).map(Duration::from_secs)
    }
}

/// Dotted OIDs.
pub(crate) mod oids {
    use scep_types::oid::Oid;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &[Oid], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(value.iter().map(Oid::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Oid>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let oid = |text: &String| {
            Oid::parse(text).ok_or_else(|| {
                de::Error::invalid_value(de::Unexpected::Str(text), &"a dotted object identifier")
            })
        };
        texts.iter().map(oid).collect()
    }
}

/// The standard's names of key usages.
pub(crate) mod key_usage {
    use scep_types::KeyUsage;
    use serde::{Deserialize, Deserializer, Serializer, de};

    const NAMES: [(&str, KeyUsage); 5] = [
        ("digitalSignature", KeyUsage::DIGITAL_SIGNATURE),
        ("nonRepudiation", KeyUsage::NON_REPUDIATION),
        ("keyEncipherment", KeyUsage::KEY_ENCIPHERMENT),
        ("dataEncipherment", KeyUsage::DATA_ENCIPHERMENT),
        ("keyAgreement", KeyUsage::KEY_AGREEMENT),
    ];

    pub(crate) fn serialize<S: Serializer>(value: &KeyUsage, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(NAMES.iter().filter(|(_, bit)| value.contains(*bit)).map(|(name, _)| name))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<KeyUsage, D::Error> {
        let mut usage = KeyUsage::empty();
        for text in Vec::<String>::deserialize(from)? {
            let (_, bit) = NAMES.iter().find(|(name, _)| *name == text).ok_or_else(|| {
                let expected = &"a key usage of an end entity, such as digitalSignature";
                de::Error::invalid_value(de::Unexpected::Str(&text), expected)
            })?;
            usage = usage.union(*bit);
        }
        Ok(usage)
    }
}
