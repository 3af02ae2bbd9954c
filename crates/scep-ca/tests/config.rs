//! What an operator writes becomes a profile, or an error that says where.

use std::time::Duration;

use scep_ca::{
    AllowedKeys, EllipticKey, EmptySubject, Error, ExtendedKeyUsagePolicy, KeyUsagePolicy, Profile,
    ProfileConfig, ProfileDefect, RequestedValidity, RsaKeys, SanType, SidExtension, SidUri,
    SubjectAltNamePolicy, Unlisted,
};
use scep_types::KeyUsage;
use scep_types::oid::{self, Oid};

use crate::support::DAY;

const EVERYTHING: &str = r#"{
    "validity": "365d",
    "requested-validity": { "honour": { "min": "12h", "max": "730d" } },
    "backdate": "90s",
    "keys": { "rsa": { "bits": { "min": 3072, "max": 8192 } }, "elliptic": ["p521", "ed25519"] },
    "empty-subject": "allow-with-subject-alt-name",
    "subject-alt-names": {
        "keep": ["dns", "rfc822", "uri", "ip", "upn", "directory", "registered-id", "other-name:1.3.6.1.5.2.2"],
        "others": "drop",
        "sid-uri": "as-any-uri"
    },
    "key-usage": { "from-csr": {
        "allowed": ["digitalSignature", "keyEncipherment"], "absent": ["digitalSignature"], "others": "drop" } },
    "extended-key-usage": { "from-csr": {
        "allowed": ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"], "absent": ["1.3.6.1.5.5.7.3.2"] } },
    "ocsp-urls": ["http://ocsp.example/"],
    "ca-issuers-urls": ["http://ca.example/ca.cer"],
    "crl-urls": ["http://crl.example/ca.crl"],
    "certificate-policies": ["1.3.6.1.4.1.99999.1"],
    "sid-extension": "from-authorized-san-uri",
    "copied-extensions": ["1.3.6.1.4.1.311.21.7"]
}"#;

fn everything() -> ProfileConfig {
    ProfileConfig {
        validity: DAY * 365,
        requested_validity: RequestedValidity::Honour { min: DAY / 2, max: DAY * 730 },
        backdate: Duration::from_secs(90),
        keys: AllowedKeys {
            rsa: RsaKeys::Bits { min: 3072, max: 8192 },
            elliptic: vec![EllipticKey::P521, EllipticKey::Ed25519],
        },
        empty_subject: EmptySubject::AllowWithSubjectAltName,
        subject_alt_names: SubjectAltNamePolicy {
            keep: vec![
                SanType::Dns,
                SanType::Rfc822,
                SanType::Uri,
                SanType::Ip,
                SanType::Upn,
                SanType::Directory,
                SanType::RegisteredId,
                SanType::OtherName(Oid::new("1.3.6.1.5.2.2")),
            ],
            others: Unlisted::Drop,
            sid_uri: SidUri::AsAnyUri,
        },
        key_usage: KeyUsagePolicy::FromCsr {
            allowed: KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT),
            absent: KeyUsage::DIGITAL_SIGNATURE,
            others: Unlisted::Drop,
        },
        extended_key_usage: ExtendedKeyUsagePolicy::FromCsr {
            allowed: vec![oid::CLIENT_AUTH, oid::SERVER_AUTH],
            absent: vec![oid::CLIENT_AUTH],
            others: Unlisted::Refuse,
        },
        ocsp_urls: vec!["http://ocsp.example/".to_owned()],
        ca_issuers_urls: vec!["http://ca.example/ca.cer".to_owned()],
        crl_urls: vec!["http://crl.example/ca.crl".to_owned()],
        certificate_policies: vec![Oid::new("1.3.6.1.4.1.99999.1")],
        sid_extension: SidExtension::FromAuthorizedSanUri,
        copied_extensions: vec![Oid::new("1.3.6.1.4.1.311.21.7")],
    }
}

#[test]
fn every_field_is_read_and_written() {
    let read: ProfileConfig = serde_json::from_str(EVERYTHING).unwrap();
    assert_eq!(read, everything());
    Profile::new(read.clone()).unwrap();
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<ProfileConfig>(&written).unwrap(), read);
}

#[test]
fn a_validity_is_all_that_must_be_written() {
    let read: ProfileConfig = serde_json::from_str(r#"{ "validity": "90d" }"#).unwrap();
    assert_eq!(read, ProfileConfig::new(DAY * 90));
    serde_json::from_str::<ProfileConfig>("{}").unwrap_err();
}

#[test]
fn defaults_are_strict() {
    let config = ProfileConfig::new(DAY);
    assert_eq!(config.keys.rsa, RsaKeys::Bits { min: 2048, max: 4096 });
    assert_eq!(config.keys.elliptic, [EllipticKey::P256, EllipticKey::P384]);
    assert_eq!(config.requested_validity, RequestedValidity::Ignore);
    assert_eq!(config.empty_subject, EmptySubject::Refuse);
    assert_eq!(config.subject_alt_names.others, Unlisted::Refuse);
    assert_eq!(config.subject_alt_names.sid_uri, SidUri::RequireVouched);
    assert_eq!(config.sid_extension, SidExtension::Never);
    assert_eq!(config.extended_key_usage, ExtendedKeyUsagePolicy::Fixed(vec![oid::CLIENT_AUTH]));
    assert!(config.copied_extensions.is_empty());
}

#[test]
fn misspelt_fields_and_values_are_errors() {
    for (field, value) in [
        ("validty", r#""1d""#),
        ("backdate", r#""10""#),
        ("backdate", r#""1w""#),
        ("backdate", r#""-1d""#),
        ("backdate", r#""+1d""#),
        ("backdate", r#""d""#),
        ("backdate", r#""99999999999999999999d""#),
        ("backdate", "600"),
        ("keys", r#"{ "rsa": "maybe" }"#),
        ("keys", r#"{ "elliptic": ["p224"] }"#),
        ("keys", r#"{ "dsa": [] }"#),
        ("subject-alt-names", r#"{ "keep": ["email"] }"#),
        ("subject-alt-names", r#"{ "keep": ["other-name:x"] }"#),
        ("subject-alt-names", r#"{ "keep": ["other-name:1.3.6.1.4.1.311.20.2.3"] }"#),
        ("key-usage", r#"{ "fixed": ["keyCertSign"] }"#),
        ("extended-key-usage", r#"{ "fixed": ["clientAuth"] }"#),
        ("copied-extensions", r#"["1"]"#),
    ] {
        let text = format!(r#"{{ "validity": "1d", "{field}": {value} }}"#);
        serde_json::from_str::<ProfileConfig>(&text).expect_err(&text);
    }
}

#[test]
fn urls_are_absolute_and_visible_ascii() {
    for bad in
        ["", "http://", "ocsp.example", "ftp://x/", "http://ex ample/", "http://é/", "http://x\n"]
    {
        for field in ["ocsp", "issuers", "crl"] {
            let mut config = ProfileConfig::new(DAY);
            let urls = match field {
                "ocsp" => &mut config.ocsp_urls,
                "issuers" => &mut config.ca_issuers_urls,
                _ => &mut config.crl_urls,
            };
            *urls = vec!["https://good.example/".to_owned(), bad.to_owned()];
            let defect = Error::InvalidProfile(ProfileDefect::Url(bad.to_owned()));
            assert_eq!(Profile::new(config).unwrap_err(), defect, "{field}");
        }
    }
}
