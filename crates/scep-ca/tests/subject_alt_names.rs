//! SubjectAltNames are kept typed and octet by octet, or not at all.

use scep_ca::{Error, Profile, ProfileDefect, Refusal, SanType, Unlisted};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, GeneralName, GeneralNameValue};

use crate::support::{Request, config, dns, general_name, name, other_name, upn, uri};

const OTHER: Oid = Oid::new("1.3.6.1.4.1.99999.3");

/// One name of each type that can be kept.
pub(crate) fn each_type() -> Vec<(SanType, Vec<u8>)> {
    let directory = name(&[&[(oid::COMMON_NAME, Tag::T61_STRING, b"M\xFCller")]]);
    vec![
        (SanType::Dns, dns("Device.Example.")),
        (SanType::Rfc822, general_name(1, b"User@Example.org")),
        (SanType::Uri, uri("tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500")),
        (SanType::Uri, uri("IntuneDeviceId://0f9c")),
        (SanType::Ip, general_name(7, &[192, 0, 2, 1])),
        (SanType::Ip, general_name(7, &[0x20; 16])),
        (SanType::Upn, upn("jürgen@example.org")),
        (
            SanType::OtherName(OTHER),
            other_name(&OTHER, |der| der.primitive(Tag::BMP_STRING, b"\0x")),
        ),
        (SanType::Directory, {
            DerWriter::encode(|der| der.constructed(Tag::context(4), |der| der.raw(&directory)))
        }),
        (SanType::RegisteredId, general_name(8, oid::CLIENT_AUTH.content())),
    ]
}

fn subject_alt_name(certificate: &Certificate) -> Option<Vec<u8>> {
    certificate.extension(&oid::SUBJECT_ALT_NAME).map(Vec::from)
}

fn sequence_of(names: &[Vec<u8>]) -> Vec<u8> {
    DerWriter::encode(|der| der.sequence(|der| der.raw(&names.concat())))
}

// R-5280-12
#[test]
fn names_of_each_type_come_out_octet_by_octet_and_in_order() {
    let (types, names): (Vec<_>, Vec<_>) = each_type().into_iter().unzip();
    let mut config = config();
    config.subject_alt_names.keep = types;
    let certificate = Request::with_names(&names).issue(config).unwrap();
    assert_eq!(subject_alt_name(&certificate), Some(sequence_of(&names)));
}

#[test]
fn a_type_that_is_not_kept_is_refused_by_default() {
    for (kind, name) in each_type() {
        let mut config = config();
        config.subject_alt_names.keep.retain(|kept| *kept != kind);
        let request = Request::with_names(std::slice::from_ref(&name));
        let Err(Error::Refused(Refusal::Name(refused))) = request.issue(config) else {
            panic!("{kind} was kept");
        };
        assert_eq!(refused.der(), name);
    }
}

#[test]
fn a_type_that_is_not_kept_can_be_dropped() {
    let (_, names): (Vec<_>, Vec<_>) = each_type().into_iter().unzip();
    let mut config = config();
    config.subject_alt_names.keep = vec![SanType::Upn, SanType::Dns];
    config.subject_alt_names.others = Unlisted::Drop;
    let certificate = Request::with_names(&names).issue(config.clone()).unwrap();
    let kept = [dns("Device.Example."), upn("jürgen@example.org")];
    assert_eq!(subject_alt_name(&certificate), Some(sequence_of(&kept)));

    config.subject_alt_names.keep.clear();
    let certificate = Request::with_names(&names).issue(config).unwrap();
    assert_eq!(subject_alt_name(&certificate), None);
}

/// certctl flattens names to text and guesses their type again, so that an rfc822Name without `@` or a URI with a bare
/// host name becomes a dNSName, and `mailto:` an rfc822Name, past the claims that pin those.
#[test]
fn no_name_changes_its_type() {
    let confusing = [
        general_name(1, b"host.example"),
        uri("host.example"),
        uri("mailto:victim@example.org"),
        uri("192.0.2.1"),
        dns("192.0.2.1"),
        dns("victim@example.org"),
        general_name(1, b"192.0.2.1"),
        upn("host.example"),
    ];
    let certificate = Request::with_names(&confusing).issue(config()).unwrap();
    let names =
        GeneralName::parse_all(&certificate.extension(&oid::SUBJECT_ALT_NAME).unwrap()).unwrap();
    let types: Vec<_> = names.iter().map(|name| std::mem::discriminant(name.value())).collect();
    let text = String::new;
    let expected = [
        GeneralNameValue::Rfc822(text()),
        GeneralNameValue::Uri(text()),
        GeneralNameValue::Uri(text()),
        GeneralNameValue::Uri(text()),
        GeneralNameValue::Dns(text()),
        GeneralNameValue::Dns(text()),
        GeneralNameValue::Rfc822(text()),
        GeneralNameValue::Upn(text()),
    ];
    assert_eq!(types, expected.iter().map(std::mem::discriminant).collect::<Vec<_>>());
    assert_eq!(subject_alt_name(&certificate), Some(sequence_of(&confusing)));
}

#[test]
fn each_other_name_type_must_be_named() {
    let principal = Oid::new("1.3.6.1.5.2.2"); // Kerberos principal, which opens an account
    let name = other_name(&principal, |der| der.sequence(|_| ()));
    let mut config = config();
    config.subject_alt_names.keep.push(SanType::OtherName(OTHER));
    let request = Request::with_names(std::slice::from_ref(&name));
    assert!(matches!(request.issue(config.clone()), Err(Error::Refused(Refusal::Name(_)))));
    config.subject_alt_names.keep.push(SanType::OtherName(principal));
    let certificate = request.issue(config).unwrap();
    assert_eq!(subject_alt_name(&certificate), Some(sequence_of(&[name])));
}

#[test]
fn the_sid_as_other_name_is_never_kept() {
    let mut config = config();
    let sid = SanType::OtherName(oid::MS_NTDS_OBJECTSID);
    config.subject_alt_names.keep.push(sid);
    let defect = Error::InvalidProfile(ProfileDefect::ForbiddenName(sid));
    assert_eq!(Profile::new(config).unwrap_err(), defect);
}

#[test]
fn x400_and_edi_names_are_never_kept() {
    for number in [3, 5] {
        let odd = DerWriter::encode(|der| der.constructed(Tag::context(number), |der| der.null()));
        let mut config = config();
        let request = Request::with_names(&[odd, dns("device.example")]);
        config.subject_alt_names.keep = each_type().into_iter().map(|(kind, _)| kind).collect();
        assert!(matches!(request.issue(config.clone()), Err(Error::Refused(Refusal::Name(_)))));
        config.subject_alt_names.others = Unlisted::Drop;
        let certificate = request.issue(config).unwrap();
        assert_eq!(subject_alt_name(&certificate), Some(sequence_of(&[dns("device.example")])));
    }
}
