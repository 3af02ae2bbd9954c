//! Microsoft's strong mapping (KB5014754): a SID enters a certificate only if someone vouches for it.

use scep_ca::{Error, Profile, ProfileDefect, Refusal, SanType, SidExtension, SidUri};
use scep_types::{Authorization, Certificate, oid};

use crate::support::{
    Ca, Request, config, criticality, dns, extension, has_octets, issue, self_asserted, uri,
    vouched,
};

const URI: &str = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-512";

/// The SID of [`URI`] as an extension value.
const EXTENSION: &str = "303ea03c060a2b060104018237190201a02e042c532d312d352d32312d31303034333336\
                         3334382d313137373233383931352d3638323030333333302d353132";
/// [`URI`] as a GeneralName.
const NAME: &str = "864d7461673a6d6963726f736f66742e636f6d2c323032322d30392d31343a7369643a532d31\
                    2d352d32312d313030343333363334382d313137373233383931352d3638323030333333302d353132";

fn octets(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn with_sid() -> scep_ca::ProfileConfig {
    let mut config = config();
    config.sid_extension = SidExtension::FromAuthorizedSanUri;
    config
}

fn issued(
    request: &Request,
    authorize: fn(&scep_types::Csr) -> Authorization,
    config: scep_ca::ProfileConfig,
) -> Result<Certificate, Error> {
    let csr = request.verified();
    issue(&csr, authorize(&csr), &Ca::new(), config).map(scep_ca::Issued::into_certificate)
}

#[test]
fn both_forms_are_those_of_the_vector() {
    let certificate = Request::with_names(&[uri(URI)]).issue(with_sid()).unwrap();
    let value = certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT).unwrap();
    assert_eq!(value[..], octets(EXTENSION));
    assert_eq!(criticality(&certificate, &oid::MS_NTDS_CA_SECURITY_EXT), Some(false));
    assert!(has_octets(&certificate, &octets(NAME)));
}

#[test]
fn by_default_the_uri_is_copied_and_no_extension_added() {
    let certificate = Request::with_names(&[uri(URI)]).issue(config()).unwrap();
    assert_eq!(certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT), None);
    assert!(has_octets(&certificate, &octets(NAME)));
}

#[test]
fn without_a_uri_there_is_no_sid_extension() {
    let certificate = Request::with_names(&[dns("device.example")]).issue(with_sid()).unwrap();
    assert_eq!(certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT), None);
}

#[test]
fn a_requested_sid_extension_is_replaced_by_the_derived_one_or_dropped() {
    let forged = extension(
        &oid::MS_NTDS_CA_SECURITY_EXT,
        false,
        &octets(&EXTENSION.replace("353132", "353030")), // 512 → 500, the administrator
    );
    let mut request = Request::with_names(&[uri(URI)]);
    request.extensions.push(forged);
    let certificate = request.issue(with_sid()).unwrap();
    let value = certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT).unwrap();
    assert_eq!(value[..], octets(EXTENSION));

    request.names.clear();
    let certificate = request.issue(with_sid()).unwrap();
    assert_eq!(certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT), None);
}

#[test]
fn a_uri_that_the_requester_chose_is_refused() {
    for text in [URI, "TAG:Microsoft.com,2022-09-14:sid:S-1-5-18", "tag:microsoft.com,2030:x"] {
        let request = Request::with_names(&[uri(text)]);
        let Err(Error::Refused(Refusal::UnvouchedSidUri(name))) =
            issued(&request, self_asserted, with_sid())
        else {
            panic!("{text} was not refused");
        };
        assert_eq!(name.der(), uri(text));
    }
    let other = Request::with_names(&[uri("https://microsoft.com/")]);
    issued(&other, self_asserted, with_sid()).unwrap();
}

#[test]
fn a_uri_that_the_requester_chose_never_becomes_an_extension() {
    let mut config = with_sid();
    config.subject_alt_names.sid_uri = SidUri::AsAnyUri;
    let request = Request::with_names(&[uri(URI)]);
    let certificate = issued(&request, self_asserted, config.clone()).unwrap();
    assert_eq!(certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT), None);
    assert!(has_octets(&certificate, &octets(NAME)));

    let certificate = issued(&request, vouched, config).unwrap();
    assert!(certificate.extension(&oid::MS_NTDS_CA_SECURITY_EXT).is_some());
}

#[test]
fn two_sids_are_none() {
    let request = Request::with_names(&[uri(URI), uri(&URI.replace("512", "500"))]);
    assert_eq!(request.issue(with_sid()), Err(Error::Refused(Refusal::SeveralSids(2))));
}

#[test]
fn a_malformed_sid_is_refused_where_an_extension_would_be_made_of_it() {
    for text in ["S-1-5-21-x", "", "S-1-5-21-1 ", "S-1-5-21-4294967296"] {
        let name = uri(&format!("tag:microsoft.com,2022-09-14:sid:{text}"));
        let request = Request::with_names(std::slice::from_ref(&name));
        let Err(Error::Refused(Refusal::MalformedSid(refused))) = request.issue(with_sid()) else {
            panic!("{text} was taken");
        };
        assert_eq!(refused.der(), name);
    }
}

#[test]
fn a_sid_extension_needs_uris_to_be_kept() {
    let mut config = with_sid();
    config.subject_alt_names.keep = vec![SanType::Dns];
    let defect = Error::InvalidProfile(ProfileDefect::SidWithoutUri);
    assert_eq!(Profile::new(config).unwrap_err(), defect);
}
