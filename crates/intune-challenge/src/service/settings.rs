use std::collections::BTreeMap;

use super::{Application, Audience, ServiceName, ServiceUrl, UrlPolicy, input};
use crate::{Error, Field, InvalidInput};

/// Characters a setting may have, but for URLs.
const MAX_SETTING: usize = 255;

/// What differs between clouds and between implementations, with Microsoft's values until told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    texts: BTreeMap<Setting, String>,
    login: ServiceUrl,
    graph: ServiceUrl,
    url_policy: UrlPolicy,
    serial_format: SerialFormat,
    error_code_style: ErrorCodeStyle,
    notification_absent: Absent,
    issuer_name_absent: Absent,
}

/// Where a tenant lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Cloud {
    /// The public cloud, and GCC.
    #[default]
    Global,
    /// GCC High.
    GccHigh,
    /// The US Department of Defense.
    Dod,
    /// China, operated by 21Vianet. Microsoft publishes no [`Setting::IntuneScope`] for it: set it.
    China,
}

/// A setting that is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// `callerInfo` and user agent: name and version of the server. It has no default.
    CallerInfo,
    /// Entra: `https://login.microsoftonline.com`.
    Login,
    /// Microsoft Graph: `https://graph.microsoft.com`.
    Graph,
    /// The version of Graph, part of its path: `v1.0`.
    GraphVersion,
    /// The scope of a token for Graph: `https://graph.microsoft.com/.default`.
    GraphScope,
    /// The scope of a token for Intune: `https://api.manage.microsoft.com//.default`, with both slashes.
    IntuneScope,
    /// Intune's own application, whose endpoints Graph lists: `0000000a-0000-0000-c000-000000000000`.
    IntuneAppId,
    /// The directory's name for the validation service: `ScepRequestValidationFEService`.
    ValidationService,
    /// The directory's name for the revocation service: `PkiConnectorFEService`.
    ConnectorService,
    /// The `api-version` of the validation service: `2018-02-20`.
    ValidationVersion,
    /// The `api-version` of the revocation service: `5019-05-05`.
    ConnectorVersion,
}

/// How serial numbers are written in notifications; they come back the same in revocation requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SerialFormat {
    /// Hexadecimal digits in upper case, an even number of them.
    #[default]
    UpperHex,
    /// Hexadecimal digits in lower case, an even number of them.
    LowerHex,
    /// Decimal digits.
    Decimal,
}

/// How the codes of failed revocations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ErrorCodeStyle {
    /// By name, as Microsoft's C# library does.
    #[default]
    Name,
    /// By number in a string, as Microsoft's Java library does.
    Number,
}

/// How a member without value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absent {
    /// Not at all.
    Omitted,
    /// As `null`.
    Null,
    /// As the empty text.
    Empty,
}

impl Settings {
    /// Microsoft's values for this cloud; `caller_info` is name and version of the server, such as `AcmeScep/1.2.3`.
    ///
    /// # Errors
    /// [`InvalidInput`] if `caller_info` is blank, longer than 255 characters, or not printable ASCII.
    pub fn new(cloud: Cloud, caller_info: &str) -> Result<Self, Error> {
        let (login, graph, intune_scope) = cloud.places();
        let url = |text| ServiceUrl::parse(text, UrlPolicy::HttpsOnly);
        let mut settings = Self {
            texts: BTreeMap::new(),
            login: url(login)?,
            graph: url(graph)?,
            url_policy: UrlPolicy::HttpsOnly,
            serial_format: SerialFormat::default(),
            error_code_style: ErrorCodeStyle::default(),
            notification_absent: Absent::Omitted,
            issuer_name_absent: Absent::Null,
        };
        for (setting, value) in [
            (Setting::CallerInfo, caller_info),
            (Setting::GraphVersion, "v1.0"),
            (Setting::GraphScope, &format!("{graph}/.default")),
            (Setting::IntuneAppId, "0000000a-0000-0000-c000-000000000000"),
            (Setting::ValidationService, "ScepRequestValidationFEService"),
            (Setting::ConnectorService, "PkiConnectorFEService"),
            (Setting::ValidationVersion, "2018-02-20"),
            (Setting::ConnectorVersion, "5019-05-05"),
        ] {
            settings = settings.with(setting, value)?;
        }
        match intune_scope {
            Some(scope) => settings.with(Setting::IntuneScope, scope),
            None => Ok(settings),
        }
    }

    /// The same with another value; set [`Settings::with_url_policy`] first if a URL is http.
    ///
    /// # Errors
    /// [`InvalidInput`] if the setting cannot have that value.
    pub fn with(mut self, setting: Setting, value: &str) -> Result<Self, Error> {
        match setting {
            Setting::Login => self.login = self.url(setting, value)?,
            Setting::Graph => self.graph = self.url(setting, value)?,
            _ => {
                check(setting, value)?;
                self.texts.insert(setting, value.to_owned());
            }
        }
        Ok(self)
    }

    /// Whether addresses may be http; those of the directory too.
    #[must_use]
    pub fn with_url_policy(self, url_policy: UrlPolicy) -> Self {
        Self { url_policy, ..self }
    }

    /// How serial numbers are written and read back.
    #[must_use]
    pub fn with_serial_format(self, serial_format: SerialFormat) -> Self {
        Self { serial_format, ..self }
    }

    /// How the codes of failed revocations are written.
    #[must_use]
    pub fn with_error_code_style(self, error_code_style: ErrorCodeStyle) -> Self {
        Self { error_code_style, ..self }
    }

    /// How `caConfiguration` and `certificateAuthority` are written without value; omitted by default.
    #[must_use]
    pub fn with_notification_absent(self, notification_absent: Absent) -> Self {
        Self { notification_absent, ..self }
    }

    /// How `issuerName` is written without value; `null` by default.
    #[must_use]
    pub fn with_issuer_name_absent(self, issuer_name_absent: Absent) -> Self {
        Self { issuer_name_absent, ..self }
    }

    /// The value of a setting; empty if it has none, which only [`Setting::IntuneScope`] can be.
    #[must_use]
    pub fn get(&self, setting: Setting) -> &str {
        match setting {
            Setting::Login => self.login.as_str(),
            Setting::Graph => self.graph.as_str(),
            _ => self.texts.get(&setting).map(String::as_str).unwrap_or_default(),
        }
    }

    /// Where this application gets its tokens; the audience of its assertions.
    #[must_use]
    pub fn token_url(&self, application: &Application) -> String {
        self.login.join(&format!("{}/oauth2/v2.0/token", application.tenant()))
    }

    /// Whether addresses may be http.
    #[must_use]
    pub const fn url_policy(&self) -> UrlPolicy {
        self.url_policy
    }

    /// How serial numbers are written.
    #[must_use]
    pub const fn serial_format(&self) -> SerialFormat {
        self.serial_format
    }

    pub(super) const fn graph(&self) -> &ServiceUrl {
        &self.graph
    }

    pub(super) const fn error_code_style(&self) -> ErrorCodeStyle {
        self.error_code_style
    }

    pub(super) const fn notification_absent(&self) -> Absent {
        self.notification_absent
    }

    pub(super) const fn issuer_name_absent(&self) -> Absent {
        self.issuer_name_absent
    }

    pub(super) fn scope(&self, audience: Audience) -> Result<&str, InvalidInput> {
        let setting = match audience {
            Audience::Graph => Setting::GraphScope,
            Audience::Intune => Setting::IntuneScope,
        };
        match self.get(setting) {
            "" => Err(InvalidInput::Unset(setting)),
            scope => Ok(scope),
        }
    }

    pub(super) fn name_of(&self, service: ServiceName) -> &str {
        self.get(match service {
            ServiceName::ScepValidation => Setting::ValidationService,
            ServiceName::PkiConnector => Setting::ConnectorService,
        })
    }

    fn url(&self, setting: Setting, value: &str) -> Result<ServiceUrl, InvalidInput> {
        ServiceUrl::read(value, self.url_policy).ok_or(InvalidInput::Url(Field::Setting(setting)))
    }
}

impl Cloud {
    /// Entra, Graph, and the scope of a token for Intune if it is published.
    const fn places(self) -> (&'static str, &'static str, Option<&'static str>) {
        const PUBLIC: &str = "https://api.manage.microsoft.com//.default";
        const GOVERNMENT: &str = "https://api.manage.microsoft.us//.default";
        match self {
            Self::Global => {
                ("https://login.microsoftonline.com", "https://graph.microsoft.com", Some(PUBLIC))
            }
            Self::GccHigh => {
                ("https://login.microsoftonline.us", "https://graph.microsoft.us", Some(GOVERNMENT))
            }
            Self::Dod => (
                "https://login.microsoftonline.us",
                "https://dod-graph.microsoft.us",
                Some(GOVERNMENT),
            ),
            Self::China => (
                "https://login.partner.microsoftonline.cn",
                "https://microsoftgraph.chinacloudapi.cn",
                None,
            ),
        }
    }
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::CallerInfo,
        Self::Login,
        Self::Graph,
        Self::GraphVersion,
        Self::GraphScope,
        Self::IntuneScope,
        Self::IntuneAppId,
        Self::ValidationService,
        Self::ConnectorService,
        Self::ValidationVersion,
        Self::ConnectorVersion,
    ];

    /// Its stable name, for files of settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallerInfo => "caller_info",
            Self::Login => "login",
            Self::Graph => "graph",
            Self::GraphVersion => "graph_version",
            Self::GraphScope => "graph_scope",
            Self::IntuneScope => "intune_scope",
            Self::IntuneAppId => "intune_app_id",
            Self::ValidationService => "validation_service",
            Self::ConnectorService => "connector_service",
            Self::ValidationVersion => "validation_version",
            Self::ConnectorVersion => "connector_version",
        }
    }

    /// The setting of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

/// Settings become headers and parts of paths, so they must not be able to break out of either.
fn check(setting: Setting, value: &str) -> Result<(), InvalidInput> {
    let field = Field::Setting(setting);
    input::filled(field, value, MAX_SETTING)?;
    match setting {
        Setting::GraphVersion | Setting::IntuneAppId => input::only(field, value, |octet| {
            octet.is_ascii_alphanumeric() || b"-._".contains(&octet)
        }),
        _ => {
            input::only(field, value, |octet| octet.is_ascii_graphic() || octet == b' ')?;
            if value.trim() == value { Ok(()) } else { Err(InvalidInput::Characters(field)) }
        }
    }
}
