//! CRLs (RFC 5280 §5).

use std::time::Duration;

use proptest::prelude::*;
use scep_ca::{
    Crl, CrlBuilder, Error, IssuerDefect, Misuse, RevocationReason, RevokedCertificate, Serial,
};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{KeyUsage, UnixTime, Validity};
use x509_cert::der::{Decode, Encode};

use crate::support::{CA_TRUE, Ca, DAY, NOW, YEAR, extension, key, provider, serial};

fn entry(last: u8, reason: RevocationReason) -> RevokedCertificate {
    RevokedCertificate { serial: serial(last), revoked_at: NOW.minus(DAY), reason }
}

fn crl(ca: &Ca, revoked: &[RevokedCertificate]) -> Crl {
    let mut builder = CrlBuilder::new();
    revoked.iter().for_each(|entry| builder.revoke(*entry).unwrap());
    let prepared = builder.prepare(258, NOW, NOW.plus(DAY * 7), &ca.issuer()).unwrap();
    prepared.sign_with(key(ca.key).as_ref()).unwrap()
}

fn octets(write: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    DerWriter::encode(write)
}

// R-5280-14
#[test]
fn a_crl_is_version_2_with_updates_authority_key_identifier_and_number() {
    let ca = Ca::new();
    let crl = crl(&ca, &[entry(1, RevocationReason::KeyCompromise)]);
    let (rest, read) = x509_parser::parse_x509_crl(crl.der()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(read.version(), Some(x509_parser::x509::X509Version::V2));
    assert_eq!(read.issuer().as_raw(), ca.subject);
    assert_eq!(read.last_update().timestamp(), NOW.as_secs());
    assert_eq!(read.next_update().unwrap().timestamp(), NOW.plus(DAY * 7).as_secs());
    let extensions = [
        extension(
            &oid::AUTHORITY_KEY_IDENTIFIER,
            false,
            &[&[0x30, 22, 0x80, 20], &[7; 20][..]].concat(),
        ),
        extension(&oid::CRL_NUMBER, false, &[2, 2, 1, 2]),
    ];
    let expected = octets(|der| {
        der.constructed(Tag::context(0), |der| der.sequence(|der| der.raw(&extensions.concat())));
    });
    assert!(crl.der().windows(expected.len()).any(|window| window == expected));
    assert_eq!((crl.number(), crl.this_update(), crl.next_update()), (258, NOW, NOW.plus(DAY * 7)));
}

// R-5280-14
#[test]
fn entries_carry_serial_time_and_reason() {
    use RevocationReason::{
        AaCompromise, AffiliationChanged, CaCompromise, CertificateHold, CessationOfOperation,
        KeyCompromise, PrivilegeWithdrawn, Superseded, Unspecified,
    };
    let reasons = [
        (Unspecified, 0),
        (KeyCompromise, 1),
        (CaCompromise, 2),
        (AffiliationChanged, 3),
        (Superseded, 4),
        (CessationOfOperation, 5),
        (CertificateHold, 6),
        (PrivilegeWithdrawn, 9),
        (AaCompromise, 10),
    ];
    let entries: Vec<_> = reasons.iter().map(|(reason, code)| entry(*code, *reason)).collect();
    let crl = crl(&Ca::new(), &entries);
    let (_, read) = x509_parser::parse_x509_crl(crl.der()).unwrap();
    let read: Vec<_> = read.iter_revoked_certificates().collect();
    assert_eq!(read.len(), reasons.len());
    for (read, (reason, code)) in read.iter().zip(reasons) {
        assert_eq!(read.raw_serial(), serial(code).content());
        assert_eq!(read.revocation_date.timestamp(), NOW.minus(DAY).as_secs());
        // RFC 5280 §5.3.1: unspecified is said by saying nothing.
        let expected = Some(code).filter(|code| *code != 0);
        assert_eq!(read.reason_code().map(|(_, code)| code.0), expected, "{reason:?}");
        assert_eq!(RevocationReason::from_code(code), Some(reason));
        assert_eq!(reason.code(), code);
    }
    for never in [7, 8, 11, 255] {
        assert_eq!(RevocationReason::from_code(never), None);
    }
}

#[test]
fn without_entries_the_list_is_absent() {
    let crl = crl(&Ca::new(), &[]);
    let decoded = x509_cert::crl::CertificateList::from_der(crl.der()).unwrap();
    assert_eq!(decoded.tbs_cert_list.revoked_certificates, None);
}

// R-5280-05
#[test]
fn times_are_utc_through_2049_and_generalized_from_2050() {
    let last_of_2049 = UnixTime::from_secs(2_524_607_999);
    let ca = Ca {
        validity: Validity { not_before: NOW, not_after: last_of_2049.plus(YEAR) },
        ..Ca::new()
    };
    let next_update = last_of_2049.plus(Duration::from_secs(1));
    let mut builder = CrlBuilder::new();
    let mut late = entry(1, RevocationReason::Superseded);
    late.revoked_at = next_update;
    builder.revoke(late).unwrap();
    let prepared = builder.prepare(1, last_of_2049, next_update, &ca.issuer()).unwrap();
    let bytes = prepared.to_be_signed();
    let both = b"\x17\x0d491231235959Z\x18\x0f20500101000000Z";
    assert!(bytes.windows(both.len()).any(|window| window == both));
    let count = bytes.windows(17).filter(|window| window == b"\x18\x0f20500101000000Z").count();
    assert_eq!(count, 2);
}

#[test]
fn a_remote_key_signs_in_two_steps_and_the_oracle_reads_the_same() {
    for ca in ["p256-ca", "p384-ca", "rsa2048-ca"] {
        let ca = Ca::with_key(ca);
        let mut builder = CrlBuilder::new();
        builder.revoke(entry(9, RevocationReason::Superseded)).unwrap();
        let prepared = builder.prepare(1, NOW, NOW.plus(DAY), &ca.issuer()).unwrap();
        let (tbs, scheme) = (prepared.to_be_signed().to_vec(), prepared.scheme());
        let crl = prepared.assemble(&key(ca.key).sign(scheme, &tbs).unwrap()).unwrap();

        let decoded = x509_cert::crl::CertificateList::from_der(crl.der()).unwrap();
        assert_eq!(decoded.to_der().unwrap(), crl.der()[..]);
        assert_eq!(decoded.tbs_cert_list.signature, decoded.signature_algorithm);
        let signature = decoded.signature.as_bytes().unwrap();
        let spki = ca.certificate();
        provider().verify.verify(scheme, spki.spki(), &tbs, signature).unwrap();
    }
}

#[test]
fn an_issuer_without_crl_sign_makes_no_crl() {
    let usage = KeyUsage::KEY_CERT_SIGN.to_extension();
    let extensions = [
        extension(&oid::BASIC_CONSTRAINTS, true, &CA_TRUE),
        extension(&oid::KEY_USAGE, true, &usage),
    ];
    let ca = Ca { extensions: extensions.concat(), ..Ca::new() };
    let refused = CrlBuilder::new().prepare(1, NOW, NOW.plus(DAY), &ca.issuer()).unwrap_err();
    let defect = IssuerDefect::KeyUsage(KeyUsage::CRL_SIGN);
    assert_eq!(refused, Error::UnusableIssuer(defect));
}

#[test]
fn updates_must_follow_each_other_while_the_issuer_is_valid() {
    let issuer = Ca::new().issuer();
    for next_update in [NOW, NOW.minus(DAY)] {
        let refused = CrlBuilder::new().prepare(1, NOW, next_update, &issuer).unwrap_err();
        let misuse = Misuse::Updates { this_update: NOW, next_update };
        assert_eq!(refused, Error::ApiMisuse(misuse));
    }
    let late = NOW.plus(YEAR * 10);
    let refused = CrlBuilder::new().prepare(1, late, late.plus(DAY), &issuer).unwrap_err();
    assert_eq!(refused, Error::UnusableIssuer(IssuerDefect::NotValid(late)));
}

#[test]
fn no_certificate_is_revoked_twice() {
    let mut builder = CrlBuilder::new();
    builder.revoke(entry(1, RevocationReason::Superseded)).unwrap();
    let again = builder.revoke(entry(1, RevocationReason::KeyCompromise)).unwrap_err();
    assert_eq!(again, Error::ApiMisuse(Misuse::RevokedTwice(serial(1))));
}

#[test]
fn another_key_signs_no_crl() {
    let prepared = CrlBuilder::new().prepare(1, NOW, NOW.plus(DAY), &Ca::new().issuer()).unwrap();
    let refused = prepared.sign_with(key("p384-ca").as_ref()).unwrap_err();
    assert_eq!(refused, Error::ApiMisuse(Misuse::KeyOfAnotherIssuer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_crl_says_what_went_into_it(
        number: u64,
        entries in prop::collection::hash_map(
            prop::collection::vec(any::<u8>(), 1..=20), (0_i64..4_000_000_000, 0_u8..=10), 0..40),
    ) {
        let mut builder = CrlBuilder::new();
        let mut expected = Vec::new();
        for (content, (time, code)) in entries {
            let serial = Serial::from_content(&content);
            let (Ok(serial), Some(reason)) = (serial, RevocationReason::from_code(code)) else {
                continue;
            };
            let entry =
                RevokedCertificate { serial, revoked_at: UnixTime::from_secs(time), reason };
            builder.revoke(entry).unwrap();
            expected.push((content, time, Some(code).filter(|code| *code != 0)));
        }
        let prepared = builder.prepare(number, NOW, NOW.plus(DAY), &Ca::new().issuer()).unwrap();
        let crl = prepared.sign_with(key("p256-ca").as_ref()).unwrap();
        let (_, read) = x509_parser::parse_x509_crl(crl.der()).unwrap();
        prop_assert_eq!(read.crl_number().unwrap().to_string(), number.to_string());
        let entries: Vec<_> = read
            .iter_revoked_certificates()
            .map(|entry| {
                let reason = entry.reason_code().map(|(_, code)| code.0);
                (entry.raw_serial().to_vec(), entry.revocation_date.timestamp(), reason)
            })
            .collect();
        prop_assert_eq!(entries, expected);
    }
}
