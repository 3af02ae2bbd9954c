//! An endpoint that cannot work is not built, and says why.

use std::sync::Arc;
use std::time::Duration;

use rcgen::KeyUsagePurpose;
use scep_ca::{CertificateRole, Incompatibility};
use scep_server::{
    CaCertificateShape, CertificateAllowance, DeviceAllowance, Endpoint, EndpointConfig, Error,
    Host, Misconfigured, Mode, RecipientKey, RegistrationAuthority, SignerBinding, Signing,
    Warning,
};
use scep_store::{MemoryStore, StoreLimits};
use scep_types::{AlgorithmPolicy, Secret, UnixTime};

use crate::support::pki::{Template, authority, ca_alone, certificate_authority, with_ra};
use crate::support::server::{manual, signed, static_password};
use crate::support::{DAY, NOW, key, provider};

#[test]
fn a_path_is_made_of_plain_segments() {
    for path in ["", "scep", "/scep/", "//", "/a//b", "/a b", "/{x}", "/*", "/ä", "/a?b", "/a%20"]
    {
        let defect = defect(|config| config.path = path.to_owned());
        assert_eq!(defect, Misconfigured::Path(path.to_owned()));
    }
    for path in ["/", "/scep", "/a/b-c.d_e~f/pkiclient.exe"] {
        build(|config| config.path = path.to_owned()).unwrap();
    }
}

#[test]
fn a_name_has_1_to_64_octets() {
    for name in [String::new(), "x".repeat(65)] {
        assert!(matches!(defect(|config| config.name = name), Misconfigured::Name(_)));
    }
}

// R-2.4-07
#[test]
fn a_password_is_not_blank() {
    for password in ["", " ", "\t\n"] {
        let mode = Mode::Static(Secret::new(password));
        assert_eq!(defect(|config| config.mode = mode), Misconfigured::BlankPassword);
    }
}

#[test]
fn manual_approval_keeps_requests_and_knows_who_sent_them() {
    let at_once = Mode::Manual { keep: Duration::ZERO };
    assert_eq!(defect(|config| config.mode = at_once), Misconfigured::NothingKept);
    let any_signer = defect(|config| {
        config.mode = manual();
        config.signer_binding = SignerBinding::Any;
    });
    assert_eq!(any_signer, Misconfigured::ManualWithAnySigner);
}

#[test]
fn private_keys_are_those_of_their_certificates() {
    let stranger = || Signing::Local(key("rsa2048-signer"));
    let ca = defect(|config| config.authority.ca.signing = stranger());
    assert_eq!(ca, Misconfigured::Key(CertificateRole::CaBehindRa));
    let ra = defect(|config| config.authority.ra.signing = stranger());
    assert_eq!(ra, Misconfigured::Key(CertificateRole::SigningRa));
    let recipient = defect(|config| {
        let recipient = &mut config.authority.ra.recipients[0];
        recipient.key = key("rsa2048-signer");
    });
    assert_eq!(recipient, Misconfigured::Key(CertificateRole::DecryptingRa));
}

#[test]
fn requests_are_opened_by_an_rsa_key_or_by_a_static_password() {
    let elliptic = Template { key: "p256-device", ..Template::ra() };
    let below_rsa = with_ra(&Template::ca(), &elliptic);
    let shown = defect(|config| config.authority = below_rsa);
    assert_eq!(shown, Misconfigured::NotOpened, "devices would encrypt to the CA");
    let elliptic = with_ra(&Template { key: "p256-ca", ..Template::ca() }, &elliptic);
    assert_eq!(elliptic.ra.recipients.len(), 0);
    build(|config| config.authority = elliptic.clone()).unwrap();
    for mode in [manual(), signed()] {
        let none = defect(|config| {
            config.mode = mode;
            config.authority = elliptic.clone();
        });
        assert_eq!(none, Misconfigured::NoRecipient);
    }
    let recipient = defect(|config| {
        let RegistrationAuthority { certificate, .. } = &elliptic.ra;
        let certificate = certificate.clone();
        config.authority.ra.recipients =
            vec![RecipientKey { certificate, key: key("p256-device") }];
    });
    assert_eq!(recipient, Misconfigured::Recipient(0));
}

#[test]
fn an_ra_was_issued_by_the_ca() {
    let stranger = Template { key: "rsa2048-signer", ..Template::ca() };
    let defect = defect(|config| {
        let certificate = Template::ra().issued_by(&stranger);
        config.authority.ra = RegistrationAuthority::new(certificate, key("rsa2048-ra"));
    });
    assert_eq!(defect, Misconfigured::NotIssuedByCa(CertificateRole::Ra));
}

// R-2.1.2-01
#[test]
fn certificates_have_the_key_usages_for_what_they_do() {
    let signs_only = Template { usages: vec![KeyUsagePurpose::DigitalSignature], ..Template::ra() };
    let defect = defect(|config| config.authority = with_ra(&Template::ca(), &signs_only));
    let (role, found) = (CertificateRole::Ra, Incompatibility::LacksKeyEncipherment);
    assert_eq!(defect, Misconfigured::Certificate { role, found });
    let plain_ca = self::defect(|config| {
        let ca = certificate_authority(&Template::ca());
        let ra = RegistrationAuthority::of_ca(&ca, key("rsa2048-ca"));
        config.authority.ca = ca;
        config.authority.ra = ra;
    });
    let (role, found) = (CertificateRole::CaAsRa, Incompatibility::LacksDigitalSignature);
    assert_eq!(plain_ca, Misconfigured::Certificate { role, found });
}

#[test]
fn certificates_are_valid_now() {
    let later = UnixTime::from_secs(2_100_000_000);
    let Err(Error::Misconfigured(defect)) = Endpoint::new(config(), later) else { panic!() };
    let (role, found) = (CertificateRole::CaBehindRa, Incompatibility::NotValid(later));
    assert_eq!(defect, Misconfigured::Certificate { role, found });
}

#[test]
fn one_ra_may_sign_and_another_decrypt() {
    let signer = Template { usages: vec![KeyUsagePurpose::DigitalSignature], ..Template::ra() };
    let decrypter = Template {
        common_name: "Test RA for encryption",
        key: "rsa2048-signer",
        usages: vec![KeyUsagePurpose::KeyEncipherment],
        ..Template::ra()
    };
    let endpoint = build(|config| {
        config.authority = with_ra(&Template::ca(), &signer);
        let certificate = decrypter.issued_by(&Template::ca());
        let recipient = RecipientKey { certificate, key: key("rsa2048-signer") };
        config.authority.ra.recipients = vec![recipient];
    });
    let (_, answer) = endpoint.unwrap().ca_certificates();
    let bundle = scep_proto::UnauthenticatedCa::parse(answer).unwrap();
    assert_eq!(bundle.certificates().len(), 3);
}

#[test]
fn what_get_ca_cert_hands_out_is_there_to_be_handed_out() {
    let hidden = defect(|config| config.ca_certificates = CaCertificateShape::SingleCa);
    assert_eq!(hidden, Misconfigured::HiddenRa);
    let missing = defect(|config| {
        config.authority = ca_alone();
        config.ca_certificates = CaCertificateShape::RaBundle;
    });
    assert_eq!(missing, Misconfigured::NoRa);
    let unrelated = defect(|config| config.authority.ca.chain = vec![authority().ra.certificate]);
    assert_eq!(unrelated, Misconfigured::Chain(0));
}

#[test]
fn lease_and_allowance_are_such_that_the_store_takes_them() {
    assert!(matches!(defect(|config| config.lease = Duration::ZERO), Misconfigured::Terms(_)));
    for (certificates, window) in [(0, DAY), (1001, DAY), (1, Duration::ZERO)] {
        let allowance = DeviceAllowance { certificates, window };
        let defect = defect(|config| config.device_allowance = Some(allowance));
        assert!(matches!(defect, Misconfigured::DeviceAllowance(_)));
    }
    for (certificates, window) in [(0, DAY), (1_000_001, DAY), (1, Duration::ZERO)] {
        let allowance = Some(CertificateAllowance { certificates, window });
        let own = defect(|config| config.allowance = allowance);
        assert!(matches!(own, Misconfigured::Allowance(_)));
        let of_all = defect(|config| config.host.allowance = allowance);
        assert!(matches!(of_all, Misconfigured::Allowance(_)));
    }
}

#[test]
fn an_endpoint_that_works_says_what_may_trouble_devices() {
    assert_eq!(build(|_| ()).unwrap().warnings(), []);
    let endpoint = build(|config| config.algorithms = AlgorithmPolicy::Obsolete).unwrap();
    assert_eq!(endpoint.warnings(), [Warning::Algorithms(AlgorithmPolicy::Obsolete)]);
    let ca = Template { usages: Vec::new(), ..Template::ca() };
    let endpoint = build(|config| config.authority = with_ra(&ca, &Template::ra())).unwrap();
    let (role, found) = (CertificateRole::CaBehindRa, Incompatibility::NoKeyUsage);
    assert_eq!(endpoint.warnings(), [Warning::Certificate { role, found }]);
}

#[test]
fn debug_output_tells_no_secret() {
    let endpoint = build(|_| ()).unwrap();
    let text = format!("{endpoint:?}");
    assert!(text.contains("Static(Secret(..))"), "{text}");
    assert!(!text.contains("correct horse"));
}

fn config() -> EndpointConfig {
    let store = Arc::new(MemoryStore::new(StoreLimits::in_memory()));
    EndpointConfig::new("test", static_password(), authority(), Host::new(provider(), store))
}

fn build(configure: impl FnOnce(&mut EndpointConfig)) -> Result<Endpoint, Error> {
    let mut config = config();
    configure(&mut config);
    Endpoint::new(config, NOW)
}

pub(crate) fn defect(configure: impl FnOnce(&mut EndpointConfig)) -> Misconfigured {
    match build(configure) {
        Err(Error::Misconfigured(defect)) => defect,
        other => panic!("{other:?}"),
    }
}
