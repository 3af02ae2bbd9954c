use std::io::Write;

use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_types::DecryptionKey;
use serde_json::Value;

use crate::cli::DecodeArgs;
use crate::decode::{Context, Secrets, decode};
use crate::error::Error;
use crate::{files, output};

pub(super) fn run(args: &DecodeArgs, out: &mut dyn Write) -> Result<(), Error> {
    let keys = args.key.iter().map(|path| files::read_key(path));
    let keys: Vec<SoftwareKey> = keys.collect::<Result<_, _>>()?;
    let certificates = args.cert.iter().map(|path| files::read_certificate(path));
    let context = Context {
        provider: provider(),
        keys: keys.iter().map(|key| key as &dyn DecryptionKey).collect(),
        certificates: certificates.collect::<Result<_, _>>()?,
        secrets: if args.show_secrets { Secrets::Shown } else { Secrets::Hidden },
    };
    let input = files::read(&args.file)?;
    let trees = decode(&input, &context)
        .map_err(|error| Error::Decode { path: args.file.clone(), error })?;
    if args.json {
        let trees: Vec<Value> = trees.iter().map(|tree| tree.to_json()).collect();
        return output::json_value(out, &trees.into());
    }
    trees.iter().try_for_each(|tree| output::line(out, tree.to_string().trim_end()))
}
