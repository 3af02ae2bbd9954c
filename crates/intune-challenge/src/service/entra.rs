use std::fmt;

use super::Audience;
use super::ids::is_guid;
use super::json::{Json, Object};

/// Why Entra gives the application no token, with what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntraRefusal {
    /// It does not take the client secret (AADSTS7000215).
    WrongSecret,
    /// It does not take the client secret, which has the form of an id (AADSTS7000215).
    SecretIdInsteadOfValue,
    /// The client secret is over (AADSTS7000222).
    ExpiredSecret,
    /// The application does not exist in this tenant (AADSTS700016, AADSTS7000229).
    ApplicationNotFound,
    /// The application is disabled (AADSTS7000112).
    ApplicationDisabled,
    /// There is no such tenant in this cloud (AADSTS90002, AADSTS900023).
    TenantNotFound,
    /// The tenant does not know the resource that the token is for (AADSTS500011).
    ResourceNotFound(Audience),
    /// The scope is not one (AADSTS70011, AADSTS1002012).
    InvalidScope(Audience),
    /// The tenant belongs to another cloud (AADSTS900382, AADSTS900432).
    WrongCloud,
    /// It does not take the assertion's signature or certificate (AADSTS700027).
    AssertionRefused,
    /// The assertion is over or not yet valid (AADSTS700024).
    AssertionOutOfTime,
    /// No federated credential of the application fits the assertion (AADSTS70021, AADSTS700211 to AADSTS700213).
    FederationMismatch,
    /// A conditional access policy keeps the application out (AADSTS53003, AADSTS530031 to AADSTS530035).
    ConditionalAccess,
    /// A reason of its own.
    Other {
        /// The number behind `AADSTS`, 0 if there is none.
        code: u64,
    },
}

impl EntraRefusal {
    /// What an error with this number means.
    pub(super) const fn from_code(code: u64, audience: Audience, secret: SecretForm) -> Self {
        match code {
            7_000_215 => match secret {
                SecretForm::Id => Self::SecretIdInsteadOfValue,
                SecretForm::Other => Self::WrongSecret,
            },
            7_000_222 => Self::ExpiredSecret,
            700_016 | 7_000_229 => Self::ApplicationNotFound,
            7_000_112 => Self::ApplicationDisabled,
            90_002 | 900_023 => Self::TenantNotFound,
            500_011 => Self::ResourceNotFound(audience),
            70_011 | 1_002_012 => Self::InvalidScope(audience),
            900_382 | 900_432 => Self::WrongCloud,
            700_027 => Self::AssertionRefused,
            700_024 => Self::AssertionOutOfTime,
            70_021 | 700_211..=700_213 => Self::FederationMismatch,
            53_003 | 530_031..=530_035 => Self::ConditionalAccess,
            code => Self::Other { code },
        }
    }

    /// The stable metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::WrongSecret => "wrong_secret",
            Self::SecretIdInsteadOfValue => "secret_id_instead_of_value",
            Self::ExpiredSecret => "expired_secret",
            Self::ApplicationNotFound => "application_not_found",
            Self::ApplicationDisabled => "application_disabled",
            Self::TenantNotFound => "tenant_not_found",
            Self::ResourceNotFound(_) => "resource_not_found",
            Self::InvalidScope(_) => "invalid_scope",
            Self::WrongCloud => "wrong_cloud",
            Self::AssertionRefused => "assertion_refused",
            Self::AssertionOutOfTime => "assertion_out_of_time",
            Self::FederationMismatch => "federation_mismatch",
            Self::ConditionalAccess => "conditional_access",
            Self::Other { .. } => "entra_refusal",
        }
    }
}

/// Whether a client secret looks like what administrators paste instead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretForm {
    /// A GUID, as the id of a secret is.
    Id,
    Other,
}

impl SecretForm {
    pub(super) fn of(secret: &str) -> Self {
        if is_guid(secret) { Self::Id } else { Self::Other }
    }
}

/// The number of an error of Entra: the first of `error_codes`, else the one behind `AADSTS`; 0 if there is none.
pub(super) fn error_code(error: &Object) -> u64 {
    let codes = error.get("error_codes").and_then(Json::list).unwrap_or_default();
    let listed = codes.first().and_then(Json::whole);
    listed.or_else(|| code_in(error.get("error_description")?.text()?)).unwrap_or_default()
}

fn code_in(description: &str) -> Option<u64> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// A sentence that an administrator can act on: what happened, its number, what to do.
impl fmt::Display for EntraRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem())?;
        match self.code() {
            0 => {}
            code => write!(f, " (AADSTS{code})")?,
        }
        write!(f, ": {}", self.remedy())
    }
}

impl EntraRefusal {
    /// The number behind `AADSTS`, of several the most usual; 0 if there is none.
    const fn code(self) -> u64 {
        match self {
            Self::WrongSecret | Self::SecretIdInsteadOfValue => 7_000_215,
            Self::ExpiredSecret => 7_000_222,
            Self::ApplicationNotFound => 700_016,
            Self::ApplicationDisabled => 7_000_112,
            Self::TenantNotFound => 90_002,
            Self::ResourceNotFound(_) => 500_011,
            Self::InvalidScope(_) => 70_011,
            Self::WrongCloud => 900_382,
            Self::AssertionRefused => 700_027,
            Self::AssertionOutOfTime => 700_024,
            Self::FederationMismatch => 70_021,
            Self::ConditionalAccess => 53_003,
            Self::Other { code } => code,
        }
    }

    const fn problem(self) -> &'static str {
        match self {
            Self::WrongSecret => "Entra refuses the client secret",
            Self::SecretIdInsteadOfValue => {
                "Entra refuses the client secret, which looks like a secret's id"
            }
            Self::ExpiredSecret => "the client secret has expired",
            Self::ApplicationNotFound => "the tenant does not have the application",
            Self::ApplicationDisabled => "the application is disabled",
            Self::TenantNotFound => "Entra does not know the tenant",
            Self::ResourceNotFound(Audience::Graph) => "the tenant does not know Microsoft Graph",
            Self::ResourceNotFound(Audience::Intune) => "the tenant does not know Intune",
            Self::InvalidScope(Audience::Graph) => "Entra does not know the scope for Graph",
            Self::InvalidScope(Audience::Intune) => "Entra does not know the scope for Intune",
            Self::WrongCloud => "the tenant belongs to another cloud",
            Self::AssertionRefused => "Entra refuses the assertion",
            Self::AssertionOutOfTime => "the assertion is expired or not valid yet",
            Self::FederationMismatch => "no federated credential fits the assertion",
            Self::ConditionalAccess => "a conditional access policy keeps the application out",
            Self::Other { .. } => "Entra refuses the application",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::WrongSecret => {
                "configure the secret's value, not its id, or make a new one in the app registration"
            }
            Self::SecretIdInsteadOfValue => {
                "configure the value, which is shown only once, or make a new one in the app registration"
            }
            Self::ExpiredSecret => "make a new one in the app registration and configure it",
            Self::ApplicationNotFound => {
                "check client id and tenant, and that an administrator of this tenant consented to the application"
            }
            Self::ApplicationDisabled => "allow sign-in for it under Enterprise applications",
            Self::TenantNotFound => {
                "check the tenant's id or domain, and that the configured cloud is the tenant's"
            }
            Self::ResourceNotFound(Audience::Graph) => {
                "check that the configured cloud is the tenant's, and the setting graph_scope"
            }
            Self::ResourceNotFound(Audience::Intune) => {
                "check that the tenant has Intune licences, that the configured cloud is the tenant's, and the setting \
                 intune_scope"
            }
            Self::InvalidScope(Audience::Graph) => "check the setting graph_scope",
            Self::InvalidScope(Audience::Intune) => "check the setting intune_scope",
            Self::WrongCloud => "configure the cloud that the tenant lives in",
            Self::AssertionRefused => {
                "upload the certificate whose key signs it to the app registration, and check that it has not expired"
            }
            Self::AssertionOutOfTime => {
                "check this server's clock, and that a federated assertion is renewed in time"
            }
            Self::FederationMismatch => {
                "compare issuer, subject and audience in the app registration with the assertion's"
            }
            Self::ConditionalAccess => {
                "exclude this workload identity, or allow this server's address"
            }
            Self::Other { .. } => {
                "look the number up at https://login.microsoftonline.com/error, and the application's sign-in logs"
            }
        }
    }
}
