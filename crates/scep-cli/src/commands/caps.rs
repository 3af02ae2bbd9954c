use std::io::Write;

use scep_proto::client::HttpRequest;
use scep_proto::{Capabilities, Unfinished};
use serde_json::json;

use crate::cli::CapsArgs;
use crate::error::Error;
use crate::output;

/// Keywords nobody knows that are shown; a page of HTML has more lines.
const MAX_UNKNOWN: usize = 32;

pub(super) async fn run(args: &CapsArgs, out: &mut dyn Write) -> Result<(), Error> {
    let client = super::client(&args.server)?;
    let answer = client.send(&HttpRequest::get_ca_caps()).await?;
    if !answer.is_success() {
        let status = scep_proto::Error::from(Unfinished::HttpStatus(answer.status));
        return Err(scep_client::Error::from(status).into());
    }
    let capabilities = answer.capabilities();
    let unknown = unknown_keywords(&String::from_utf8_lossy(&answer.body));
    if args.json {
        let known: Vec<_> = capabilities.keywords().collect();
        return output::json_value(out, &json!({ "capabilities": known, "unknown": unknown }));
    }
    for keyword in capabilities.keywords() {
        output::line(out, keyword)?;
    }
    for keyword in &unknown {
        output::line(out, format_args!("{keyword}  (unknown)"))?;
    }
    if capabilities == Capabilities::empty() && unknown.is_empty() {
        output::line(out, "(none)")?;
    }
    Ok(())
}

/// Lines that say nothing to us, escaped.
fn unknown_keywords(answer: &str) -> Vec<String> {
    answer
        .split(['\r', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter(|line| Capabilities::parse(line) == Capabilities::empty())
        .take(MAX_UNKNOWN)
        .map(|line| line.chars().take(80).collect::<String>().escape_debug().to_string())
        .collect()
}
