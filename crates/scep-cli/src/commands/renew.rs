use std::io::Write;

use scep_client::{Identity, sign_csr};
use scep_proto::client::Purpose;
use scep_types::{Certificate, Extension, oid};

use super::enrolment::{Outputs, enrol, settings};
use crate::choices::KeyType;
use crate::cli::RenewArgs;
use crate::error::Error;
use crate::files::{self, KeyFile};
use crate::output;

pub(super) async fn run(
    args: &RenewArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let purpose = Purpose::Renew(args.message_type.message());
    let settings = settings(&args.common, purpose, notes)?;
    let challenge = args.common.challenge.as_ref().map(|source| source.read()).transpose()?;
    let client = super::client(&args.common.server)?;
    let (old, old_key) = files::read_pair(&args.cert, &args.key)?;
    let out_path = args.out.as_ref().unwrap_or(&args.cert);
    let outputs = Outputs::prepare(out_path, args.common.ca_out.as_deref())?;
    let new_key = match &args.new_key {
        Some(path) => Some(files::read_or_make_key(path, args.key_type.map(KeyType::kind))?),
        None => None,
    };
    if let (Some(KeyFile::Made(key)), Some(path)) = (&new_key, &args.new_key) {
        super::note(notes, format_args!("made {}: {}", path.display(), key.kind()))?;
    }
    let key = new_key.as_ref().map_or(&old_key, KeyFile::key);
    let csr = sign_csr(key, old.subject(), challenge.as_ref(), &same_names(&old))?;
    let identity = Identity::new(csr, old, &old_key);
    let issued = enrol(&client, settings, &identity, notes).await?;
    outputs.write(&issued.certificate, &issued.ca)?;
    output::issued(out, &issued.certificate, out_path, args.common.json)
}

/// The subjectAltName of the old certificate, octet for octet.
fn same_names(old: &Certificate) -> Vec<Extension> {
    let value = old.extension(&oid::SUBJECT_ALT_NAME);
    value
        .map(|value| Extension { oid: oid::SUBJECT_ALT_NAME, critical: false, value })
        .into_iter()
        .collect()
}
