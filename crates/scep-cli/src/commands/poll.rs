use std::io::Write;
use std::time::Duration;

use scep_client::{Correspondent, Polled, now, self_signed};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::{TransactionId, Unfinished};
use scep_types::{Certificate, CryptoError, DigestAlgorithm, SigningKey};

use super::enrolment::{Outputs, message_settings};
use crate::cli::PollArgs;
use crate::error::{Error, Query, Usage};
use crate::{files, output, subject};

pub(super) async fn run(
    args: &PollArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let settings = message_settings(&args.trust, &args.message, notes)?;
    let subject = subject::parse(&args.subject)?;
    let client = super::client(&args.server)?;
    let key = files::read_key(&args.key)?;
    let id = transaction_id(args.transaction_id.as_deref(), &key)?;
    // A poll is answered to whoever holds the request's key, whatever certificate it is in (RFC 8894 §3.3.3).
    let signer = self_signed(&key, &subject, now(), provider().random)?;
    let session = client.session(&settings, Correspondent::new(signer, &key)).await?;
    let outputs = Outputs::prepare(&args.out, None)?;
    let mut polls = 0_u32;
    let certificate: Certificate = loop {
        polls = polls.saturating_add(1);
        match session.poll(&id, &subject).await.map_err(|error| Query::Poll.failed(error))? {
            Polled::Issued(certificate) => break *certificate,
            _ if polls >= args.max_polls.max(1) => {
                let ended = scep_proto::Error::from(Unfinished::PollLimit { polls });
                return Err(scep_client::Error::from(ended).into());
            }
            _ => {
                super::note(
                    notes,
                    format_args!("pending, asking again in {} s", args.poll_interval),
                )?;
                tokio::time::sleep(Duration::from_secs(args.poll_interval)).await;
            }
        }
    };
    outputs.write(&certificate, session.ca())?;
    output::issued(out, &certificate, &args.out, args.json)
}

/// The one given, or what `enroll --transaction-id key-hash` makes of this key.
fn transaction_id(given: Option<&str>, key: &SoftwareKey) -> Result<TransactionId, Error> {
    let text = match given {
        Some(text) => text.to_owned(),
        None => key_hash(key)?,
    };
    TransactionId::new(&text).map_err(|_| Usage::TransactionId(text).into())
}

fn key_hash(key: &SoftwareKey) -> Result<String, CryptoError> {
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, SigningKey::spki(key))?;
    Ok(digest.to_hex())
}
