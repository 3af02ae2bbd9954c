use std::io::Write;

use crate::cli::{ProbeArgs, ServerArgs};
use crate::error::Error;
use crate::{output, probe};

pub(super) async fn run(
    args: &ProbeArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let client = super::client(&args.server)?;
    let suffixed = suffixed(&args.server)?;
    let identifier = args.ca_identifier.as_deref();
    let facts = probe::collect(&args.server.url, &client, suffixed.as_ref(), identifier).await?;
    if args.json {
        output::json_value(out, &probe::json(&facts))?;
    } else {
        probe::text(&facts, out)?;
    }
    super::note(
        notes,
        "nothing here is authenticated: compare a fingerprint with whoever runs the CA",
    )
}

/// The server as Windows and Cisco ask it, which append a name to the path; none where the URL ends so anyway.
fn suffixed(server: &ServerArgs) -> Result<Option<scep_client::Client>, Error> {
    let path = server.url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    if path.to_ascii_lowercase().ends_with("/pkiclient.exe") {
        return Ok(None);
    }
    let rest = server.url.get(path.len()..).unwrap_or_default().trim_start_matches('/');
    let url = format!("{path}/pkiclient.exe{rest}");
    super::client(&ServerArgs { url, timeout: server.timeout }).map(Some)
}
