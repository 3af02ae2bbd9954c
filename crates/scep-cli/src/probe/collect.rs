//! The requests of a probe, none of which asks for a certificate.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use scep_client::{Client, now, self_signed};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{Algorithms, HttpRequest, Payload, RequestSettings, build};
use scep_proto::http::{Method, encode_message};
use scep_proto::{CaAnchor, CaCertificates, MessageRandom, TransactionId, UnauthenticatedCa};
use scep_types::{AlgorithmPolicy, Certificate, KeyKind, Name, SigningKey, oid};

use super::facts::{Facts, GetForm, HttpFacts};
use crate::answer::AnswerKind;
use crate::error::Error;

/// Octets of the longest request target that is tried: IIS for NDES takes 65,534.
const LONG_TARGET: usize = 65_000;

/// Looks at everything a server shows to anyone.
///
/// # Errors
/// Nobody answers at all.
pub(crate) async fn collect(
    url: &str,
    client: &Client,
    suffixed: Option<&Client>,
    ca_identifier: Option<&str>,
) -> Result<Facts, Error> {
    let caps = client.observe(&HttpRequest::get_ca_caps()).await;
    let ca = client.observe(&HttpRequest::get_ca_cert(ca_identifier)).await;
    if let (Err(error), Err(_)) = (&caps, &ca) {
        return Err(error.clone().into());
    }
    let ca = ca.ok();
    let found = ca.as_ref().and_then(|ca| UnauthenticatedCa::parse(ca.answer.body.clone()).ok());
    let certificates = found.clone().and_then(sorted);
    let found = found.map(|found| found.certificates().to_vec()).unwrap_or_default();
    let mut http = HttpFacts {
        long_target: status(client, long_query()).await,
        named_ca: status(client, "operation=GetCACert&message=any".to_owned()).await,
        unknown_operation: status(client, "operation=NoSuchOperation".to_owned()).await,
        next_ca: status(client, "operation=GetNextCACert".to_owned()).await,
        ..HttpFacts::default()
    };
    http.pkiclient = match suffixed {
        Some(suffixed) => status(suffixed, "operation=GetCACaps".to_owned()).await,
        None => caps.as_ref().ok().map(|caps| caps.answer.status),
    };
    if let Some(certificates) = &certificates {
        ask_by_all_ways(client, certificates, &mut http).await;
    }
    let chained = chained(&found);
    Ok(Facts { url: url.to_owned(), caps: caps.ok(), ca, found, certificates, chained, http })
}

fn sorted(found: UnauthenticatedCa) -> Option<CaCertificates> {
    found.authenticate(&CaAnchor::TrustUnverified, &provider(), now()).ok()
}

/// Those that another one of them, or they themselves, signed.
fn chained(all: &[Certificate]) -> Vec<Certificate> {
    let signed = |certificate: &&Certificate| {
        all.iter().any(|issuer| {
            let (verifier, policy) = (provider().verify, AlgorithmPolicy::Legacy);
            issuer.subject() == certificate.issuer()
                && certificate.verify_signature(issuer.spki(), verifier, policy).is_ok()
        })
    };
    all.iter().filter(signed).cloned().collect()
}

fn get(query: String) -> HttpRequest {
    HttpRequest { method: Method::Get, query, content_type: None, body: Bytes::new() }
}

async fn status(client: &Client, query: String) -> Option<u16> {
    Some(client.observe(&get(query)).await.ok()?.answer.status)
}

fn long_query() -> String {
    let query = "operation=GetCACaps&x=";
    format!("{query}{}", "y".repeat(LONG_TARGET.saturating_sub(query.len())))
}

/// Sends a CertPoll for a transaction nobody knows, by POST and by GET in all forms.
async fn ask_by_all_ways(client: &Client, ca: &CaCertificates, http: &mut HttpFacts) {
    let Ok(message) = poll_for_nothing(ca) else { return };
    http.post = Some(kind(client, &HttpRequest::pki_operation(&message, Method::Post)).await);
    for form in GetForm::ALL {
        let query = format!("operation=PKIOperation&message={}", written(&message, form));
        http.get.push((form, kind(client, &get(query)).await));
    }
}

async fn kind(client: &Client, request: &HttpRequest) -> AnswerKind {
    match client.send(request).await {
        Ok(answer) => AnswerKind::of(answer.status, &answer.body),
        Err(_) => AnswerKind::Nothing,
    }
}

fn written(message: &[u8], form: GetForm) -> String {
    match form {
        GetForm::Escaped => encode_message(message),
        GetForm::Raw => STANDARD.encode(message).replace('=', "%3D"),
        GetForm::Url => URL_SAFE.encode(message).replace('=', "%3D"),
        GetForm::Lines => {
            let text = STANDARD.encode(message);
            let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
            let lines: Vec<_> = lines.collect();
            let text = lines.join("\n");
            text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace('\n', "%0A")
        }
    }
}

/// A CertPoll of a throw-away key for a transactionID drawn just now.
fn poll_for_nothing(ca: &CaCertificates) -> Result<Bytes, Error> {
    let key = SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?;
    let subject = Name::build(&[(oid::COMMON_NAME, "scep probe")]);
    let signer = self_signed(&key, &subject, now(), provider().random)?;
    let mut drawn = [0; MessageRandom::OCTETS];
    provider().random.fill(&mut drawn)?;
    let mut id = [0; 16];
    provider().random.fill(&mut id)?;
    let id = TransactionId::new(&scep_types::hex::lower(&id)).map_err(scep_client::Error::from)?;
    let provider = provider();
    let settings = RequestSettings {
        transaction_id: &id,
        signer: &signer,
        recipient: ca.encryption(),
        algorithms: Algorithms::default(),
        signing_time: None,
        provider: &provider,
    };
    let payload = Payload::Poll { issuer: ca.issuer().subject(), subject: &subject };
    let built = build(payload, settings, &MessageRandom::new(&drawn));
    let (message, _) = built.map_err(scep_client::Error::from)?;
    let signature = key.sign(message.scheme(), message.bytes())?;
    Ok(message.finish(&signature))
}
