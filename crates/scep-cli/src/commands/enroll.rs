use std::io::{ErrorKind, Write};
use std::path::Path;

use scep_client::{Begun, Client, Identity, now, self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{EnrolmentSettings, Issued, Purpose, subject_alt_name};
use scep_types::{Extension, GeneralName, GeneralNameValue, KeyKind, SigningKey};

use super::enrolment::{Outputs, enrol, settings};
use crate::choices::KeyType;
use crate::cli::{EnrollArgs, NameArgs};
use crate::error::{Error, FileProblem, Usage};
use crate::files::{self, KeyFile, Target};
use crate::{output, subject};

pub(super) async fn run(
    args: &EnrollArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let settings = settings(&args.common, Purpose::Enrol, notes)?;
    let subject = subject::parse(&args.subject)?;
    let extensions = requested_names(&args.names)?;
    let challenge = args.common.challenge.as_ref().map(|source| source.read()).transpose()?;
    let client = super::client(&args.common.server)?;
    let outputs = Outputs::prepare(&args.out, args.common.ca_out.as_deref())?;

    let file = files::read_or_make_key(&args.key, args.key_type.map(KeyType::kind))?;
    if let KeyFile::Made(key) = &file {
        super::note(notes, format_args!("made {}: {}", args.key.display(), key.kind()))?;
    }
    let key = file.key();
    let csr = sign_csr(key, &subject, challenge.as_ref(), &extensions)?;
    let throw_away = throw_away_key(key, notes)?;
    if throw_away.is_some() && args.state.is_some() {
        return Err(Usage::ThrownAway.into());
    }
    let signing = throw_away.as_ref().unwrap_or(key);
    let signer = self_signed(signing, &subject, now(), provider().random)?;
    let identity = Identity::new(csr, signer, signing);
    let issued = match &args.state {
        Some(path) => enrol_or_keep(&client, settings, &identity, path).await?,
        None => enrol(&client, settings, &identity, notes).await?,
    };
    outputs.write(&issued.certificate, &issued.ca)?;
    output::issued(out, &issued.certificate, &args.out, args.common.json)
}

/// Enrols, or keeps the request that waits for approval, which ends the program all the same.
async fn enrol_or_keep(
    client: &Client,
    mut settings: EnrolmentSettings,
    identity: &Identity<'_>,
    path: &Path,
) -> Result<Issued, Error> {
    if path.exists() {
        return Err(files::file_error(path, FileProblem::Write(ErrorKind::AlreadyExists)));
    }
    let target = Target::prepare(path)?;
    settings.polling.max_polls = u32::MAX; // poll --state says how often
    match client.begin(settings, identity).await? {
        Begun::Issued(issued) => Ok(*issued),
        Begun::Pending(pending) => {
            target.write_new(&pending.state)?;
            Err(Error::Kept(path.to_owned()))
        }
    }
}

/// An answer can be encrypted to RSA keys only, so another key's request is signed with a throw-away one.
fn throw_away_key(key: &SoftwareKey, notes: &mut dyn Write) -> Result<Option<SoftwareKey>, Error> {
    if scep_types::spki_key_kind(SigningKey::spki(key)).is_ok_and(KeyKind::can_encrypt) {
        return Ok(None);
    }
    let text = "the request is signed with a throw-away RSA key, which the server must allow";
    super::note(notes, text)?;
    Ok(Some(SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?))
}

/// The subjectAltName to ask for, if any.
fn requested_names(args: &NameArgs) -> Result<Vec<Extension>, Error> {
    let values = ascii(&args.dns, GeneralNameValue::Dns)?
        .into_iter()
        .chain(ascii(&args.email, GeneralNameValue::Rfc822)?)
        .chain(args.upn.iter().cloned().map(GeneralNameValue::Upn))
        .chain(ascii(&args.uri, GeneralNameValue::Uri)?)
        .chain(args.ip.iter().copied().map(GeneralNameValue::Ip));
    let names: Vec<_> = values.filter_map(GeneralName::new).collect();
    Ok(if names.is_empty() { Vec::new() } else { vec![subject_alt_name(&names)] })
}

/// Names of a type that is an IA5String (RFC 5280 §4.2.1.6).
fn ascii(
    texts: &[String],
    value: fn(String) -> GeneralNameValue,
) -> Result<Vec<GeneralNameValue>, Error> {
    match texts.iter().find(|text| !text.is_ascii() || text.is_empty()) {
        Some(text) => Err(Usage::NotAscii(text.clone()).into()),
        None => Ok(texts.iter().cloned().map(value).collect()),
    }
}
