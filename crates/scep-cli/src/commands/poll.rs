use std::io::Write;
use std::path::Path;
use std::time::Duration;

use scep_client::{Begun, Correspondent, Polled, now, self_signed};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::CaTrust;
use scep_proto::{TransactionId, Unfinished};
use scep_types::{Certificate, CryptoError, DigestAlgorithm, SigningKey};
use zeroize::Zeroizing;

use super::enrolment::{Outputs, message_settings, plain_settings};
use crate::cli::PollArgs;
use crate::error::{Error, Query, Usage};
use crate::{files, output, subject};

pub(super) async fn run(
    args: &PollArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    match (&args.state, &args.subject) {
        (Some(state), _) => restored(args, state, out, notes).await,
        (None, Some(subject)) => asked(args, subject, out, notes).await,
        (None, None) => Err(Usage::SubjectPart(String::new()).into()), // clap demands one of them
    }
}

/// Goes on with what `enroll --state` kept: the CA, the request and its transactionID are in it.
async fn restored(
    args: &PollArgs,
    path: &Path,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let mut settings = plain_settings(CaTrust::Ask, &args.message);
    settings.polling.max_polls = u32::MAX;
    settings.polling.max_time = Duration::MAX;
    let client = super::client(&args.server)?;
    let key = files::read_key(&args.key)?;
    let mut state = Zeroizing::new(files::read(path)?);
    let outputs = Outputs::prepare(&args.out, None)?;
    let mut polls = Polls::of(args);
    let issued = loop {
        polls.begin();
        let begun = client.resume(&state, settings.clone(), &key).await;
        match begun.map_err(|error| Query::Poll.failed(error))? {
            Begun::Issued(issued) => break issued,
            Begun::Pending(pending) => state = pending.state,
        }
        polls.pause(notes).await?;
    };
    outputs.write(&issued.certificate, &issued.ca)?;
    files::remove(path)?;
    output::issued(out, &issued.certificate, &args.out, args.json)
}

/// How often it was asked, and how often it may be.
struct Polls {
    made: u32,
    most: u32,
    interval: u64,
}

impl Polls {
    fn of(args: &PollArgs) -> Self {
        Self { made: 0, most: args.max_polls.max(1), interval: args.poll_interval }
    }

    fn begin(&mut self) {
        self.made = self.made.saturating_add(1);
    }

    /// Waits for the next one, if there may be one.
    async fn pause(&self, notes: &mut dyn Write) -> Result<(), Error> {
        if self.made >= self.most {
            let ended = scep_proto::Error::from(Unfinished::PollLimit { polls: self.made });
            return Err(scep_client::Error::from(ended).into());
        }
        super::note(notes, format_args!("pending, asking again in {} s", self.interval))?;
        tokio::time::sleep(Duration::from_secs(self.interval)).await;
        Ok(())
    }
}

async fn asked(
    args: &PollArgs,
    subject: &str,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let settings = message_settings(&args.trust, &args.message, notes)?;
    let subject = subject::parse(subject)?;
    let client = super::client(&args.server)?;
    let key = files::read_key(&args.key)?;
    let id = transaction_id(args.transaction_id.as_deref(), &key)?;
    // A poll is answered to whoever holds the request's key, whatever certificate it is in (RFC 8894 §3.3.3).
    let signer = self_signed(&key, &subject, now(), provider().random)?;
    let session = client.session(&settings, Correspondent::new(signer, &key)).await?;
    let outputs = Outputs::prepare(&args.out, None)?;
    let mut polls = Polls::of(args);
    let certificate: Certificate = loop {
        polls.begin();
        match session.poll(&id, &subject).await.map_err(|error| Query::Poll.failed(error))? {
            Polled::Issued(certificate) => break *certificate,
            _ => polls.pause(notes).await?,
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
