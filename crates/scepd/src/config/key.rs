//! Where a private key is, as it is written. Each text here is the description of a key in the schema.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::values::{Located, SecretSource};

/// A private key: in a text, or in a token.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    /// PEM.
    Text(KeyText),
    /// In a token, which it never leaves.
    Token(Located<TokenSource>),
}

/// A private key in PEM.
#[derive(Debug, Clone)]
pub(crate) struct KeyText {
    pub(crate) source: SecretSource,
    pub(crate) passphrase: Option<Located<SecretSource>>,
}

/// A private key: { file = "…" } or { env = "…" }, PEM, with `passphrase` beside it if it is encrypted; or { pkcs11 = { … } }.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    /// A PEM file that only its owner may read.
    #[serde(default)]
    file: Option<PathBuf>,
    /// An environment variable that holds PEM.
    #[serde(default)]
    env: Option<String>,
    /// What opens an `ENCRYPTED PRIVATE KEY`.
    #[serde(default)]
    passphrase: Option<Located<SecretSource>>,
    /// A key in a PKCS #11 token.
    #[serde(default)]
    pkcs11: Option<Located<TokenSource>>,
}

/// A key in a PKCS #11 token: an HSM, a smart card, a cloud's key service. Needs a scepd that was built with the feature
/// `pkcs11`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(not(feature = "pkcs11"), expect(dead_code, reason = "read for its mistakes only"))]
pub(crate) struct TokenSource {
    /// The module that speaks to the token: a shared library of its maker.
    pub(crate) module: PathBuf,
    /// The token's label.
    pub(crate) token: String,
    /// The label of the private key; or `id`.
    #[serde(default)]
    pub(crate) label: Option<String>,
    /// The id of the private key in hexadecimal; or `label`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<HexOctets>,
    /// The PIN of the token's user.
    pub(crate) pin: Located<SecretSource>,
}

/// Octets in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HexOctets(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for KeySource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(KeyVisitor)
    }
}

impl JsonSchema for KeySource {
    fn schema_name() -> Cow<'static, str> {
        "PrivateKey".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

/// Whatever stands there instead of a table may be the key itself, so no message repeats it.
struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = KeySource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<KeySource, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<KeySource, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<KeySource, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeySource, A::Error> {
        let Written { file, env, passphrase, pkcs11 } =
            Written::deserialize(MapAccessDeserializer::new(map))?;
        let text = |source| KeySource::Text(KeyText { source, passphrase: passphrase.clone() });
        match (file, env, pkcs11) {
            (Some(path), None, None) => Ok(text(SecretSource::File(path))),
            (None, Some(name), None) => Ok(text(SecretSource::Env(name))),
            (None, None, Some(token)) if passphrase.is_none() => Ok(KeySource::Token(token)),
            _ => Err(de::Error::custom(EXPECTED)),
        }
    }
}

const EXPECTED: &str = "a secret is no part of the configuration: write { file = \"…\" }, { env = \"…\" } or { pkcs11 = { … } }";

impl<'de> Deserialize<'de> for HexOctets {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let expected = &"octets in hexadecimal such as \"01\" or \"0a1b\"";
        octets(&text).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), expected))
    }
}

fn octets(text: &str) -> Option<HexOctets> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect::<Option<_>>().map(HexOctets)
}
