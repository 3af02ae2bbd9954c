//! Microsoft's values, and that they can be others.

use intune_challenge::service::*;
use intune_challenge::{Field, InvalidInput, Secret};

use crate::support::*;

// library test 4.3-19
#[test]
fn microsofts_values_are_the_default() {
    let settings = settings();
    for (setting, value) in [
        (Setting::CallerInfo, "AcmeScep/1.2.3"),
        (Setting::Login, "https://login.microsoftonline.com"),
        (Setting::Graph, "https://graph.microsoft.com"),
        (Setting::GraphVersion, "v1.0"),
        (Setting::GraphScope, "https://graph.microsoft.com/.default"),
        (Setting::IntuneScope, "https://api.manage.microsoft.com//.default"),
        (Setting::IntuneAppId, "0000000a-0000-0000-c000-000000000000"),
        (Setting::ValidationService, "ScepRequestValidationFEService"),
        (Setting::ConnectorService, "PkiConnectorFEService"),
        (Setting::ValidationVersion, "2018-02-20"),
        (Setting::ConnectorVersion, "5019-05-05"),
    ] {
        assert_eq!(settings.get(setting), value);
        assert_eq!(Setting::from_name(setting.name()), Some(setting));
    }
    assert_eq!(Setting::ALL.len(), 11);
    assert_eq!((settings.url_policy(), settings.serial_format()), Default::default());
}

#[test]
fn each_cloud_has_its_places() {
    for (cloud, login, graph, scope) in [
        (
            Cloud::Global,
            "login.microsoftonline.com",
            "graph.microsoft.com",
            "https://api.manage.microsoft.com//.default",
        ),
        (
            Cloud::GccHigh,
            "login.microsoftonline.us",
            "graph.microsoft.us",
            "https://api.manage.microsoft.us//.default",
        ),
        (
            Cloud::Dod,
            "login.microsoftonline.us",
            "dod-graph.microsoft.us",
            "https://api.manage.microsoft.us//.default",
        ),
        (Cloud::China, "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", ""),
    ] {
        let settings = Settings::new(cloud, CALLER).unwrap();
        assert_eq!(settings.get(Setting::Login), format!("https://{login}"));
        assert_eq!(settings.get(Setting::Graph), format!("https://{graph}"));
        assert_eq!(settings.get(Setting::GraphScope), format!("https://{graph}/.default"));
        assert_eq!(settings.get(Setting::IntuneScope), scope);
    }
}

#[test]
fn a_scope_that_microsoft_does_not_publish_must_be_set() {
    let (application, secret) = (application(), Secret::new(CLIENT_SECRET));
    let credential = TokenCredential::Secret(&secret);
    let china = Settings::new(Cloud::China, CALLER).unwrap();
    let refused = TokenRequest::new(&china, &application, Audience::Intune, credential);
    assert_eq!(refused.unwrap_err(), InvalidInput::Unset(Setting::IntuneScope).into());
    assert!(TokenRequest::new(&china, &application, Audience::Graph, credential).is_ok());
    let set = china.with(Setting::IntuneScope, "https://intune.example/.default").unwrap();
    assert!(TokenRequest::new(&set, &application, Audience::Intune, credential).is_ok());
}

#[test]
fn each_text_can_be_another() {
    for setting in Setting::ALL {
        let value = match setting {
            Setting::Login | Setting::Graph => "https://other.example",
            _ => "other.example",
        };
        assert_eq!(settings().with(setting, value).unwrap().get(setting), value);
    }
}

#[test]
fn a_setting_cannot_break_out_of_a_header_or_a_path() {
    for setting in Setting::ALL {
        for value in ["a\r\nX: y", "a\0", "caf\u{e9}"] {
            let refused = settings().with(setting, value).unwrap_err();
            let field = Field::Setting(setting);
            let expected = match setting {
                Setting::Login | Setting::Graph => InvalidInput::Url(field),
                _ => InvalidInput::Characters(field),
            };
            assert_eq!(refused, expected.into(), "{setting:?} {value:?}");
        }
    }
    for setting in [Setting::GraphVersion, Setting::IntuneAppId] {
        assert!(settings().with(setting, "a/../b").is_err());
        assert!(settings().with(setting, "a?b").is_err());
    }
    assert!(settings().with(Setting::CallerInfo, " Acme ").is_err());
    assert!(settings().with(Setting::CallerInfo, &"x".repeat(256)).is_err());
}

#[test]
fn http_is_refused_unless_it_was_allowed() {
    let local = "http://127.0.0.1:8080";
    let refused = InvalidInput::Url(Field::Setting(Setting::Login));
    assert_eq!(settings().with(Setting::Login, local), Err(refused.into()));
    let allowed = settings().with_url_policy(UrlPolicy::HttpForTests);
    assert_eq!(allowed.with(Setting::Login, local).unwrap().get(Setting::Login), local);
}

#[test]
fn other_versions_and_names_go_out() {
    let settings = settings()
        .with(Setting::ValidationVersion, "5019-05-05")
        .unwrap()
        .with(Setting::CallerInfo, "Other/2")
        .unwrap();
    let request = send(&settings, |call| enrolment().validate(call));
    assert_eq!(header(&request, "api-version"), Some("5019-05-05"));
    assert_eq!(header(&request, "user-agent"), Some("Other/2"));
    assert!(body(&request).ends_with(r#""callerInfo":"Other/2"}}"#));
}
