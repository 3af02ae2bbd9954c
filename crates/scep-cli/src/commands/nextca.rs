use std::io::Write;

use scep_types::AlgorithmPolicy;
use serde_json::{Value, json};

use super::enrolment::verified_or_warned;
use crate::cli::NextcaArgs;
use crate::error::{Error, Query};
use crate::files::{self, Target};
use crate::output;

pub(super) async fn run(
    args: &NextcaArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let trust = verified_or_warned(&args.trust, notes)?;
    let client = super::client(&args.server)?;
    let target = args.out.as_deref().map(Target::prepare).transpose()?;
    let ca = client.authenticated_ca(&trust, args.trust.ca_identifier.as_deref()).await?;
    let policy = if args.legacy { AlgorithmPolicy::Legacy } else { AlgorithmPolicy::Modern };
    let next = client.next_ca(&ca, policy).await.map_err(|error| Query::NextCa.failed(error))?;
    let activation = next.activation();
    let next = next.ca().certificates();
    if let Some(target) = target {
        target.write_public(files::certificates_to_pem(next).as_bytes())?;
    }
    if args.json {
        let list: Vec<Value> = next.iter().map(output::certificate_json).collect();
        return output::json_value(
            out,
            &json!({ "certificates": list, "activation": activation.to_string() }),
        );
    }
    for (position, certificate) in next.iter().enumerate() {
        if position > 0 {
            output::line(out, "")?;
        }
        output::certificate_lines(out, certificate)?;
    }
    output::line(out, format_args!("\ntakes over at {activation}"))
}
