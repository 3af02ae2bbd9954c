//! Help, and command lines that are wrong.

use scep_proto::Unsupported;
use scep_types::{ContentCipher, KeyKind};

use crate::support::Work;

#[test]
fn help_explains_the_exit_codes() {
    let help = Work::new().scep(["--help"]);
    assert_eq!(help.code, 0);
    for line in ["0  done", "1  the server refuses (FAILURE)", "5  not believed"] {
        assert!(help.out.contains(line), "{line}");
    }
}

#[test]
fn every_command_has_its_help() {
    for command in ["caps", "cacert", "enroll", "renew", "bench", "decode", "mint"] {
        let help = Work::new().scep([command, "--help"]);
        assert_eq!(help.code, 0);
        assert!(help.out.contains("Usage: scep"), "{command}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let enroll = ["enroll", "http://127.0.0.1:9/", "--key", "k", "--out", "c"];
    let with = |more: &[&'static str]| [&enroll[..], more].concat();
    let cases = [
        vec!["frobnicate"],
        vec!["caps"],
        vec!["caps", "not a url"],
        vec!["caps", "ftp://ca.example/"],
        vec!["caps", "http://user:password@ca.example/"],
        vec!["caps", "http://ca.example/scep?operation=GetCACaps"],
        enroll.to_vec(), // no subject
        with(&["--subject", "device"]),
        with(&["--subject", "CN=a+O=b"]),
        with(&["--subject", "CN=a", "--fingerprint", "abc"]),
        with(&["--subject", "CN=a", "--fingerprint", "00", "--trust-unverified"]),
        with(&["--subject", "CN=a", "--dns", "bücher.example"]),
        with(&["--subject", "CN=a", "--ip", "1.2.3"]),
        with(&["--subject", "CN=a", "--challenge", "env:SCEP_TEST_NOT_SET"]),
        with(&["--subject", "CN=a", "--digest", "md5"]),
    ];
    for arguments in cases {
        let work = Work::new();
        let outcome = work.scep(arguments.iter().copied());
        assert_eq!(outcome.code, 2, "{arguments:?}: {}", outcome.notes);
        assert_eq!(outcome.notes.lines().count(), 1, "{}", outcome.notes);
        assert!(outcome.notes.starts_with("scep: ") && outcome.out.is_empty());
        assert_eq!(work.files(), [""; 0], "{arguments:?}");
        assert!(!outcome.notes.contains("password@"));
    }
}

#[test]
fn what_is_missing_is_named() {
    let outcome = Work::new().scep(["enroll", "http://127.0.0.1:9/", "--key", "k"]);
    assert!(outcome.notes.contains("--subject <NAME>"), "{}", outcome.notes);
}

#[test]
fn errors_are_one_line() {
    let outcome = Work::new().scep(["decode", "nothing-here.der"]);
    assert_eq!(outcome.code, 6);
    assert_eq!(outcome.notes, "scep: nothing-here.der: cannot be read: entity not found\n");
}

#[test]
fn keys_and_ciphers_that_do_not_go_together_have_a_remedy() {
    for (unsupported, remedy) in [
        (Unsupported::CaKey(KeyKind::P256), "by which requests are then encrypted"),
        (Unsupported::ReplyKey(KeyKind::P256), "the answer can be encrypted with"),
        (Unsupported::ReplyCipher(ContentCipher::TripleDesCbc), "allow it with --legacy"),
        (Unsupported::ReplyCipher(ContentCipher::DesCbc), "--allow-obsolete"),
    ] {
        let error = scep_client::Error::from(scep_proto::Error::from(unsupported));
        let error = scep_cli::Error::from(error);
        assert!(error.line().contains(remedy), "{}", error.line());
        assert_eq!(error.exit_code(), 7);
    }
}
