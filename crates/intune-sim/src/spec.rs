use scep_types::oid::{self, Oid};
use scep_types::{Extension, GeneralName, GeneralNameValue, KeyUsage, Name};
use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidText};

/// What a CSR must look like: what a profile says for one device, and what that device then asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsrSpec {
    /// The subject, one attribute an RDN.
    pub subject: Vec<SubjectAttribute>,
    /// The subjectAltNames.
    #[serde(default)]
    pub alt_names: Vec<AltName>,
    /// The keyUsage.
    #[serde(default)]
    pub key_usage: KeyUsageSpec,
    /// The extended key usages, dotted.
    #[serde(default)]
    pub extended_key_usages: Vec<String>,
    /// Bits of the RSA key.
    pub key_bits: usize,
    /// The validity, which only Windows asks for.
    #[serde(default)]
    pub validity: Option<ValiditySpec>,
}

/// One attribute of a subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubjectAttribute {
    /// `CN`, `E`, `O`, `OU`, `L`, `ST`, `C`, `DC`, `SERIALNUMBER`, or a dotted OID.
    pub kind: String,
    /// The value.
    pub value: String,
}

/// A subjectAltName as a profile has it, typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "lowercase")]
pub enum AltName {
    /// rfc822Name.
    Email(String),
    /// otherName with a user principal name.
    Upn(String),
    /// dNSName.
    Dns(String),
    /// uniformResourceIdentifier.
    Uri(String),
}

/// The key usage of a profile; the numbers are those of Windows' CSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum KeyUsageSpec {
    /// digitalSignature, 128.
    DigitalSignature,
    /// keyEncipherment, 32.
    KeyEncipherment,
    /// Both, 160.
    #[default]
    Both,
}

/// How long a certificate should be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValiditySpec {
    /// Days, months or years.
    pub unit: ValidityUnit,
    /// How many.
    pub count: u32,
}

/// The unit of a validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValidityUnit {
    /// Days.
    Days,
    /// Months.
    Months,
    /// Years.
    Years,
}

impl CsrSpec {
    /// RSA-2048, both key usages, clientAuth, one year, and this subject.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no subject name.
    pub fn new(subject: &str) -> Result<Self, Error> {
        Ok(Self {
            subject: SubjectAttribute::parse_all(subject)?,
            alt_names: Vec::new(),
            key_usage: KeyUsageSpec::default(),
            extended_key_usages: vec![oid::CLIENT_AUTH.to_string()],
            key_bits: 2048,
            validity: Some(ValiditySpec { unit: ValidityUnit::Years, count: 1 }),
        })
    }

    /// The subject as a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an attribute we do not know.
    pub fn name(&self) -> Result<Name, Error> {
        let attributes: Result<Vec<_>, Error> =
            self.subject.iter().map(|a| Ok((a.oid()?, a.value.as_str()))).collect();
        Ok(Name::build(&attributes?))
    }

    /// The extensions to ask for: keyUsage, extKeyUsage, subjectAltName.
    pub(crate) fn extensions(&self) -> Result<Vec<Extension>, Error> {
        let names: Vec<_> = self.alt_names.iter().filter_map(AltName::general_name).collect();
        let mut extensions = vec![Extension {
            oid: oid::KEY_USAGE,
            critical: true,
            value: self.key_usage.bits().to_extension().into(),
        }];
        if !self.extended_key_usages.is_empty() {
            extensions.push(self.extended_key_usage()?);
        }
        if !names.is_empty() {
            extensions.push(scep_proto::client::subject_alt_name(&names));
        }
        Ok(extensions)
    }

    fn extended_key_usage(&self) -> Result<Extension, Error> {
        let usages: Result<Vec<Oid>, Error> =
            self.extended_key_usages.iter().map(|dotted| parse_oid(dotted)).collect();
        let usages = usages?;
        let value = scep_types::asn1::DerWriter::encode(|der| {
            der.sequence(|der| usages.iter().for_each(|usage| der.oid(usage)));
        });
        Ok(Extension { oid: oid::EXTENDED_KEY_USAGE, critical: false, value: value.into() })
    }
}

impl SubjectAttribute {
    /// Reads `CN=a,O="b, c"`, most significant last or first: the order is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Error> {
        let invalid = || Error::invalid(InvalidText::Subject, text);
        split_outside_quotes(text)
            .into_iter()
            .filter(|part| !part.trim().is_empty())
            .map(|part| {
                let (kind, value) = part.split_once('=').ok_or_else(invalid)?;
                let attribute = Self {
                    kind: kind.trim().to_owned(),
                    value: value.trim().trim_matches('"').to_owned(),
                };
                attribute.oid().map_err(|_| invalid())?;
                Ok(attribute)
            })
            .collect()
    }

    /// The type.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one we do not know.
    pub fn oid(&self) -> Result<Oid, Error> {
        Ok(match self.kind.to_ascii_uppercase().as_str() {
            "CN" => oid::COMMON_NAME,
            "E" | "EMAILADDRESS" => oid::EMAIL_ADDRESS,
            "O" => oid::ORGANIZATION_NAME,
            "OU" => oid::ORGANIZATIONAL_UNIT_NAME,
            "L" => oid::LOCALITY_NAME,
            "ST" | "S" => oid::STATE_OR_PROVINCE_NAME,
            "C" => oid::COUNTRY_NAME,
            "DC" => oid::DOMAIN_COMPONENT,
            "SERIALNUMBER" => oid::SERIAL_NUMBER,
            _ => parse_oid(&self.kind)?,
        })
    }
}

impl AltName {
    /// The value, whatever its type.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Self::Email(value) | Self::Upn(value) | Self::Dns(value) | Self::Uri(value) => value,
        }
    }

    /// As it stands in a certificate.
    #[must_use]
    pub fn general_name(&self) -> Option<GeneralName> {
        GeneralName::new(match self.clone() {
            Self::Email(value) => GeneralNameValue::Rfc822(value),
            Self::Upn(value) => GeneralNameValue::Upn(value),
            Self::Dns(value) => GeneralNameValue::Dns(value),
            Self::Uri(value) => GeneralNameValue::Uri(value),
        })
    }

    /// The entry of a CSR, if a profile could ask for its type.
    pub(crate) fn of(name: &GeneralName) -> Option<Self> {
        Some(match name.value() {
            GeneralNameValue::Rfc822(value) => Self::Email(value.clone()),
            GeneralNameValue::Upn(value) => Self::Upn(value.clone()),
            GeneralNameValue::Dns(value) => Self::Dns(value.clone()),
            GeneralNameValue::Uri(value) => Self::Uri(value.clone()),
            _ => return None,
        })
    }

    /// The same type with another value.
    pub(crate) fn with(&self, value: String) -> Self {
        match self {
            Self::Email(_) => Self::Email(value),
            Self::Upn(_) => Self::Upn(value),
            Self::Dns(_) => Self::Dns(value),
            Self::Uri(_) => Self::Uri(value),
        }
    }
}

impl KeyUsageSpec {
    /// The bits.
    #[must_use]
    pub fn bits(self) -> KeyUsage {
        match self {
            Self::DigitalSignature => KeyUsage::DIGITAL_SIGNATURE,
            Self::KeyEncipherment => KeyUsage::KEY_ENCIPHERMENT,
            Self::Both => KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT),
        }
    }
}

impl ValidityUnit {
    /// As Windows writes it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Days => "Days",
            Self::Months => "Months",
            Self::Years => "Years",
        }
    }
}

pub(crate) fn parse_oid(dotted: &str) -> Result<Oid, Error> {
    Oid::parse(dotted).ok_or_else(|| Error::invalid(InvalidText::Oid, dotted))
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
    .collect()
}
