//! What a device signs with before it has a certificate, and what it asks for.

use scep_proto::client::{csr, signer_certificate, subject_alt_name};
use scep_test::keys;
use scep_test::pki::NOW;
use scep_test::requests::scheme;
use scep_types::{
    AlgorithmPolicy, GeneralName, GeneralNameValue, KeyUsage, Name, Secret, SigningKey, Validity,
    oid,
};

/// Each kind of key, and the keyUsage of its certificate.
fn kinds() -> [(&'static str, KeyUsage); 3] {
    let signs = KeyUsage::DIGITAL_SIGNATURE;
    [
        ("rsa2048-device", signs.union(KeyUsage::KEY_ENCIPHERMENT)),
        ("rsa3072-device", signs.union(KeyUsage::KEY_ENCIPHERMENT)),
        ("p256-device", signs),
    ]
}

// R-2.3-01, R-2.3-02, R-2.3-03
#[test]
fn a_device_without_a_certificate_signs_itself_one_for_its_name_and_key() {
    let name = Name::build(&[(oid::ORGANIZATION_NAME, "Example"), (oid::COMMON_NAME, "device")]);
    let validity = Validity { not_before: NOW, not_after: NOW };
    let provider = scep_crypto::aws_lc_rs::provider();
    for (key, usage) in kinds() {
        let key = keys::software(key);
        let unsigned =
            signer_certificate(&name, key.spki(), &[0x7F; 20], validity, scheme(&key)).unwrap();
        let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        let certificate = unsigned.finish(&signature).unwrap();
        assert_eq!((certificate.subject(), certificate.issuer()), (&name, &name));
        assert_eq!((certificate.spki(), certificate.serial()), (key.spki(), &[0x7F; 20][..]));
        assert_eq!(certificate.key_usage(), Some(usage));
        assert_eq!(certificate.validity(), validity);
        certificate.verify_signature(key.spki(), provider.verify, AlgorithmPolicy::Modern).unwrap();
    }
}

// R-2.4-01, R-3.3.1-01
#[test]
fn a_csr_holds_subject_key_challenge_and_names_and_proves_the_key() {
    let subject = Name::build(&[(oid::COMMON_NAME, "device")]);
    let dns = GeneralName::new(GeneralNameValue::Dns("device.example".to_owned())).unwrap();
    let (challenge, names) =
        (Secret::new("Pa55-word"), [subject_alt_name(std::slice::from_ref(&dns))]);
    let provider = scep_crypto::aws_lc_rs::provider();
    for (key, _) in kinds() {
        let key = keys::software(key);
        let unsigned = csr(&subject, key.spki(), Some(&challenge), &names, scheme(&key));
        assert!(!format!("{unsigned:?}").contains("Pa55"));
        let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        let csr = unsigned.finish(&signature).unwrap();
        assert_eq!((csr.subject(), csr.spki().as_ref()), (&subject, key.spki()));
        assert_eq!(csr.challenge_password(), Some(&challenge));
        assert_eq!(csr.subject_alt_names(), std::slice::from_ref(&dns));
        csr.verify(provider.verify, AlgorithmPolicy::Modern).unwrap();
    }
}

#[test]
fn a_challenge_is_a_printable_string_where_it_can_be() {
    // NDES takes nothing else.
    let (key, subject) = (keys::software("p256-device"), Name::build(&[]));
    let value = |challenge: &str| {
        let challenge = Secret::new(challenge);
        let unsigned = csr(&subject, key.spki(), Some(&challenge), &[], scheme(&key));
        let signature = key.sign(unsigned.scheme(), unsigned.bytes()).unwrap();
        unsigned.finish(&signature).unwrap().attributes()[0].values.to_vec()
    };
    assert_eq!(value("Pass-1"), *b"\x13\x06Pass-1");
    assert_eq!(value("p@ss"), *b"\x0C\x04p@ss");
}
