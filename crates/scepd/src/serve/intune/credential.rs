//! What the application proves itself with: read at start and at each reload, so that a file that went wrong since does
//! not matter.

use std::sync::Arc;

use intune_client::service::AssertionAlgorithm;
use intune_client::{CertificateCredential, Credential};
use scep_types::{KeyKind, SigningKey as _, UnixTime};

use crate::config::files::Files;
use crate::config::intune::{IntuneMode, is_guid};
use crate::config::mistake::{Fault, Findings};
use crate::config::model::Pair;
use crate::config::values::{Located, SecretSource};
use crate::serve::assembly::Expiry;
use crate::serve::keys;

/// The credential, and when it ends if that can be seen.
pub(super) fn credential(
    settings: &IntuneMode,
    files: &Files,
    now: UnixTime,
    findings: &mut Findings,
) -> Option<(Credential, Option<Expiry>)> {
    if let Some(source) = &settings.secret {
        let secret = findings.take(source.span(), secret(source.value(), files))?;
        return Some((secret, None));
    }
    let pair = settings.certificate.as_ref()?;
    let (credential, expiry) = certificate(pair, files, findings)?;
    if expiry.not_after < now {
        let what = format!("the application's certificate ended at {}", expiry.not_after);
        findings.mistake(
            pair.span(),
            what,
            "make a new one, and upload it to the app registration",
        );
    }
    Some((credential, Some(expiry)))
}

fn secret(source: &SecretSource, files: &Files) -> Result<Credential, Fault> {
    let secret = files.secret(source)?;
    if secret.expose().is_empty() {
        return Err(Fault::new("the client secret is empty", "write the secret's value there"));
    }
    if is_guid(secret.expose()) {
        let what = "this looks like the id of a client secret, not its value";
        let remedy = "the value is shown only once, when the secret is made: make a new one and copy its value";
        return Err(Fault::new(what, remedy));
    }
    Ok(Credential::Secret(secret))
}

fn certificate(
    pair: &Located<Pair>,
    files: &Files,
    findings: &mut Findings,
) -> Option<(Credential, Expiry)> {
    let Pair { certificate, key } = pair.value();
    let certificate = findings.take(pair.span(), files.certificate(certificate));
    let key = keys::software(key, files, findings);
    let (certificate, key) = (certificate?, key?);
    if key.spki() != certificate.spki() {
        let what = "the key is not that of the application's certificate";
        findings.mistake(pair.span(), what, "give the key that belongs to the certificate");
        return None;
    }
    if !matches!(certificate.key_kind(), Ok(KeyKind::Rsa { .. })) {
        let what = "the application's certificate has no RSA key, and Entra takes no other";
        findings.mistake(pair.span(), what, "make one with an RSA key of 2048 bits or more");
        return None;
    }
    let expiry = Expiry {
        role: "application",
        subject: certificate.subject().to_string(),
        not_after: certificate.validity().not_after,
    };
    let algorithm = AssertionAlgorithm::default();
    let credential = CertificateCredential { certificate, key: Arc::new(key), algorithm };
    Some((credential.into(), expiry))
}
