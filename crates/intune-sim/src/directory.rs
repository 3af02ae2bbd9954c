use std::fmt;
use std::time::Duration;

use scep_types::{Certificate, Secret, UnixTime};
use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidText};
use crate::spec::{AltName, CsrSpec, KeyUsageSpec, SubjectAttribute, ValiditySpec};

/// An Entra tenant with its app registrations and its scale unit of Intune.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tenant {
    /// The tenant's id, a GUID.
    pub id: String,
    /// A verified domain, which does as well as the id in URLs.
    pub domain: String,
    /// Its scale unit, such as `msub06`.
    pub scale_unit: String,
    /// Its app registrations.
    pub apps: Vec<App>,
}

/// An app registration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct App {
    /// The client id, a GUID.
    pub client_id: String,
    /// Its secrets.
    pub secrets: Vec<ClientSecret>,
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    /// The foreign issuers whose assertions it trusts.
    pub federated: Vec<FederatedCredential>,
    /// What an administrator consented to.
    pub permissions: Vec<Permission>,
}

/// A client secret.
#[derive(Debug, Clone)]
pub struct ClientSecret {
    /// Its id, which people paste instead of the value.
    pub id: String,
    /// Its value.
    pub value: Secret,
    /// When it ends.
    pub expires: UnixTime,
}

/// A federated identity credential: whose assertions are taken for the app.
#[derive(Debug, Clone)]
pub struct FederatedCredential {
    /// The `iss` of the assertion.
    pub issuer: String,
    /// The `sub` of the assertion.
    pub subject: String,
    /// Whose key signs it.
    pub certificate: Certificate,
}

/// An application permission with admin consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// Microsoft Graph, Application.Read.All: discovery.
    GraphApplicationReadAll,
    /// Azure AD Graph, Application.Read.All: the discovery of old.
    AadGraphApplicationReadAll,
    /// Intune, scep_challenge_provider: validation and notifications.
    ScepChallengeProvider,
    /// Microsoft Graph, DeviceManagementManagedDevices.Read.All: compliance by Intune's device.
    GraphManagedDevicesReadAll,
    /// Microsoft Graph, Device.Read.All: compliance by Entra's device.
    GraphDeviceReadAll,
}

/// A device that Intune manages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ManagedDevice {
    /// Intune's id of it.
    pub id: String,
    /// The id or domain of its tenant.
    pub tenant: String,
    /// Entra's id of it.
    pub azure_ad_id: String,
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub serial_number: String,
    /// Its IMEI; empty if it has none.
    #[serde(default)]
    pub imei: String,
    /// Whose it is.
    #[serde(default)]
    pub user: Option<User>,
    /// Whether it complies with the rules.
    #[serde(default)]
    pub compliance: Compliance,
}

/// Whose a device is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The user principal name.
    pub principal_name: String,
    /// The e-mail address.
    pub email: String,
    /// The SID in the directory on premises; empty if there is none.
    #[serde(default)]
    pub on_premises_sid: String,
}

/// `complianceState` of a managed device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compliance {
    /// It complies.
    #[default]
    Compliant,
    /// It does not.
    NonCompliant,
    /// It does not, but has time left.
    InGracePeriod,
    /// Nobody knows.
    Unknown,
}

/// A SCEP profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// The subject name format, with variables: `CN={{DeviceName}},O=Contoso`.
    pub subject: String,
    /// The subjectAltNames, with variables.
    pub alt_names: Vec<AltName>,
    /// The key usage.
    pub key_usage: KeyUsageSpec,
    /// The extended key usages, dotted.
    pub extended_key_usages: Vec<String>,
    /// Bits of the RSA key.
    pub key_bits: usize,
    /// The validity.
    pub validity: Option<ValiditySpec>,
    /// Who gets it.
    pub target: Target,
}

/// Who gets a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// All devices.
    Everyone,
    /// The devices with these ids.
    Devices(Vec<String>),
}

impl Tenant {
    /// A tenant without app registrations.
    #[must_use]
    pub fn new(id: &str, domain: &str) -> Self {
        Self {
            id: id.to_owned(),
            domain: domain.to_owned(),
            scale_unit: "msub06".to_owned(),
            apps: Vec::new(),
        }
    }

    /// Whether this is its id or its domain.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.domain.eq_ignore_ascii_case(name)
    }
}

impl App {
    /// An app without credentials, and with the two permissions that a SCEP server needs.
    #[must_use]
    pub fn new(client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            permissions: vec![
                Permission::GraphApplicationReadAll,
                Permission::ScepChallengeProvider,
            ],
        }
    }
}

impl ClientSecret {
    /// A secret that ends in two years.
    #[must_use]
    pub fn new(id: &str, value: Secret, now: UnixTime) -> Self {
        const TWO_YEARS: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);
        Self { id: id.to_owned(), value, expires: now.plus(TWO_YEARS) }
    }
}

impl Permission {
    /// The `roles` value, and the host part of the resource that it is for.
    pub(crate) const fn role(self) -> (&'static str, Resource) {
        match self {
            Self::GraphApplicationReadAll => ("Application.Read.All", Resource::Graph),
            Self::AadGraphApplicationReadAll => ("Application.Read.All", Resource::AadGraph),
            Self::ScepChallengeProvider => ("scep_challenge_provider", Resource::Intune),
            Self::GraphManagedDevicesReadAll => {
                ("DeviceManagementManagedDevices.Read.All", Resource::Graph)
            }
            Self::GraphDeviceReadAll => ("Device.Read.All", Resource::Graph),
        }
    }
}

/// What a token can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    Graph,
    AadGraph,
    Intune,
}

impl ManagedDevice {
    /// A device with this id and name, and ids made from it.
    #[must_use]
    pub fn new(tenant: &str, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            tenant: tenant.to_owned(),
            azure_ad_id: format!("aad-{id}"),
            name: id.to_owned(),
            serial_number: format!("SN-{id}"),
            imei: String::new(),
            user: None,
            compliance: Compliance::default(),
        }
    }

    /// What a variable of a profile stands for; some have several names.
    fn variable(&self, name: &str) -> Option<&str> {
        let user = self.user.as_ref();
        let value = match name {
            "DeviceName" => self.name.as_str(),
            "DeviceId" => self.id.as_str(),
            "AAD_Device_ID" | "AzureADDeviceId" => self.azure_ad_id.as_str(),
            "SerialNumber" | "SERIALNUMBER" | "Device_Serial" => self.serial_number.as_str(),
            "IMEI" | "IMEINumber" | "Device_IMEI" => self.imei.as_str(),
            "UserName" => user?.name.as_str(),
            "UserPrincipalName" => user?.principal_name.as_str(),
            "EmailAddress" => user?.email.as_str(),
            "OnPremisesSecurityIdentifier" => user?.on_premises_sid.as_str(),
            _ => return None,
        };
        Some(value).filter(|value| !value.is_empty())
    }

    fn resolve(&self, template: &str) -> Result<String, Error> {
        let mut resolved = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err(Error::invalid(InvalidText::Subject, template));
            };
            let value = self.variable(name.trim());
            resolved.push_str(before);
            resolved.push_str(value.ok_or_else(|| Error::EmptyVariable(name.trim().to_owned()))?);
            rest = after;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }
}

impl Profile {
    /// RSA-2048, both key usages, clientAuth, one year, for everyone, with this subject name format.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no subject name.
    pub fn new(id: &str, subject: &str) -> Result<Self, Error> {
        let CsrSpec { alt_names, key_usage, extended_key_usages, key_bits, validity, .. } =
            CsrSpec::new(subject)?;
        Ok(Self {
            id: id.to_owned(),
            subject: subject.to_owned(),
            alt_names,
            key_usage,
            extended_key_usages,
            key_bits,
            validity,
            target: Target::Everyone,
        })
    }

    /// Whether this device gets it.
    #[must_use]
    pub fn targets(&self, device: &str) -> bool {
        match &self.target {
            Target::Everyone => true,
            Target::Devices(devices) => devices.iter().any(|id| id == device),
        }
    }

    /// What the CSR of this device must look like.
    pub(crate) fn resolve(&self, device: &ManagedDevice) -> Result<CsrSpec, Error> {
        // Variables are put in after the name was taken apart: a comma in a value is no separator.
        let subject = SubjectAttribute::parse_all(&self.subject)?
            .into_iter()
            .map(|SubjectAttribute { kind, value }| {
                Ok(SubjectAttribute { kind, value: device.resolve(&value)? })
            })
            .collect::<Result<_, Error>>()?;
        let alt_names = self
            .alt_names
            .iter()
            .map(|name| Ok(name.with(device.resolve(name.value())?)))
            .collect::<Result<_, Error>>()?;
        Ok(CsrSpec {
            subject,
            alt_names,
            key_usage: self.key_usage,
            extended_key_usages: self.extended_key_usages.clone(),
            key_bits: self.key_bits,
            validity: self.validity,
        })
    }
}

impl fmt::Display for Compliance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compliant => "compliant",
            Self::NonCompliant => "noncompliant",
            Self::InGracePeriod => "inGracePeriod",
            Self::Unknown => "unknown",
        })
    }
}
