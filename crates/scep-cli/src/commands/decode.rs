use std::io::Write;
use std::path::{Path, PathBuf};

use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_types::DecryptionKey;
use serde_json::{Value, json};

use crate::cli::DecodeArgs;
use crate::decode::{Context, Offsets, Part, Secrets, decode, decode_conversation};
use crate::error::{Error, FileProblem};
use crate::{files, output};

/// Files of a conversation that are read.
const MAX_FILES: usize = 1000;

pub(super) fn run(args: &DecodeArgs, out: &mut dyn Write) -> Result<(), Error> {
    let keys = args.key.iter().map(|path| files::read_key(path));
    let keys: Vec<SoftwareKey> = keys.collect::<Result<_, _>>()?;
    let certificates = args.cert.iter().map(|path| files::read_certificate(path));
    let context = Context {
        provider: provider(),
        keys: keys.iter().map(|key| key as &dyn DecryptionKey).collect(),
        certificates: certificates.collect::<Result<_, _>>()?,
        secrets: if args.show_secrets { Secrets::Shown } else { Secrets::Hidden },
        offsets: if args.offsets { Offsets::Shown } else { Offsets::Hidden },
    };
    match args.files.as_slice() {
        [file] if !file.is_dir() => one(file, &context, args.json, out),
        several => conversation(&listed(several)?, &context, args.json, out),
    }
}

fn one(
    file: &Path,
    context: &Context<'_>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let trees = decode(&files::read(file)?, context)
        .map_err(|error| Error::Decode { path: file.to_owned(), error })?;
    if as_json {
        let trees: Vec<Value> = trees.iter().map(|tree| tree.to_json()).collect();
        return output::json_value(out, &trees.into());
    }
    trees.iter().try_for_each(|tree| output::line(out, tree.to_string().trim_end()))
}

/// The files named, and those in folders named, in the order of their names.
fn listed(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let failed = |error: std::io::Error| Error::File {
            path: path.clone(),
            problem: FileProblem::Read(error.kind()),
        };
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let mut found: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|it| it.is_file())
            .collect();
        found.sort();
        all.extend(found);
    }
    all.truncate(MAX_FILES);
    Ok(all)
}

/// What is in one of many files and cannot be decoded is said where it stands; that nothing can is an error.
fn conversation(
    paths: &[PathBuf],
    context: &Context<'_>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let read = paths.iter().map(|path| Ok((path.display().to_string(), files::read(path)?)));
    let parts = decode_conversation(&read.collect::<Result<Vec<_>, Error>>()?, context);
    if as_json {
        let values: Vec<Value> = parts.iter().map(part_json).collect();
        output::json_value(out, &values.into())?;
    } else {
        for part in &parts {
            part_text(part, out)?;
        }
    }
    let errors = parts.iter().map(|part| part.trees.as_ref().err());
    match (errors.collect::<Option<Vec<_>>>(), paths.first()) {
        (Some(errors), Some(path)) => {
            let error =
                errors.first().map_or(crate::decode::Error::Empty, |first| (*first).clone());
            Err(Error::Decode { path: path.clone(), error })
        }
        _ => Ok(()),
    }
}

fn part_text(part: &Part, out: &mut dyn Write) -> Result<(), Error> {
    match &part.answers {
        Some(request) => output::line(out, format_args!("{}, which answers {request}", part.name))?,
        None => output::line(out, &part.name)?,
    }
    match &part.trees {
        Ok(trees) => trees.iter().try_for_each(|tree| {
            let text = tree.to_string();
            text.lines().try_for_each(|line| output::line(out, format_args!("  {line}")))
        }),
        Err(error) => output::line(out, format_args!("  ({error})")),
    }
}

fn part_json(part: &Part) -> Value {
    match &part.trees {
        Ok(trees) => {
            let trees: Vec<Value> = trees.iter().map(|tree| tree.to_json()).collect();
            json!({ "file": part.name, "answers": part.answers, "trees": trees })
        }
        Err(error) => json!({ "file": part.name, "error": error.to_string() }),
    }
}
