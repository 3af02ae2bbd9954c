//! `CertificateAuthorityRequests`: downloadRevocationRequests and uploadRevocationResults.

use serde_json::{Value, json};

use super::answer::Answer;
use super::route::{Action, Incoming};
use super::scep_actions::{Malformed, json_object};
use crate::revocation::{RevocationError, RevocationResult};
use crate::state::{State, Token};

pub(super) fn act(
    state: &mut State,
    token: &Token,
    action: Action,
    request: &Incoming,
) -> Result<Answer, Malformed> {
    let body = json_object(request)?;
    match action {
        Action::Download => download(state, token, &body),
        _ => upload(state, token, &body),
    }
}

fn download(state: &mut State, token: &Token, body: &Value) -> Result<Answer, Malformed> {
    let malformed = |text: &str| Malformed(text.to_owned());
    let parameters = body.get("downloadParameters").filter(|parameters| parameters.is_object());
    let parameters = parameters.ok_or_else(|| malformed("downloadParameters is missing"))?;
    let max = parameters.get("maxRequests").and_then(Value::as_u64);
    let max = max
        .filter(|max| (1..=500).contains(max))
        .and_then(|max| usize::try_from(max).ok())
        .ok_or_else(|| malformed("maxRequests is no number from 1 to 500"))?;
    let issuer = match parameters.get("issuerName") {
        None | Some(Value::Null) => None,
        Some(Value::String(issuer)) => Some(issuer.as_str()),
        Some(_) => return Err(malformed("issuerName is no string")),
    };
    let now = state.clock.now();
    let requests = state.revocations.download(&token.tenant, max, issuer, now);
    let value: Vec<Value> = requests
        .into_iter()
        .map(|request| {
            json!({
                "requestContext": request.context,
                "serialNumber": request.serial_number,
                "issuerName": request.issuer_name,
                "caConfiguration": request.ca_configuration,
            })
        })
        .collect();
    let context = format!(
        "{}/RACerts/StatelessPkiConnectorService/$metadata#Collection(microsoft.management.services.api.caRevocationRequest)",
        state.urls.service
    );
    Ok(Answer::json(200, &json!({ "@odata.context": context, "value": value })))
}

fn upload(state: &mut State, token: &Token, body: &Value) -> Result<Answer, Malformed> {
    let results = body.get("results").and_then(Value::as_array).filter(|list| !list.is_empty());
    let results = results.ok_or_else(|| Malformed("results is missing".to_owned()))?;
    let results: Vec<_> = results.iter().map(read_result).collect::<Result<_, _>>()?;
    let revoked = state.revocations.upload(&token.tenant, &results);
    for issued in &mut state.issued {
        let is_named = |serials: &Vec<String>| serials.contains(&issued.serial_number);
        issued.is_revoked |= revoked.as_ref().is_some_and(is_named);
    }
    let context = format!(
        "{}/RACerts/StatelessPkiConnectorService/$metadata#Edm.Boolean",
        state.urls.service
    );
    Ok(Answer::json(200, &json!({ "@odata.context": context, "value": revoked.is_some() })))
}

fn read_result(result: &Value) -> Result<RevocationResult, Malformed> {
    let malformed = |text: &str| Malformed(text.to_owned());
    let context = result.get("requestContext").and_then(Value::as_str);
    let context = context.filter(|context| !context.is_empty());
    let succeeded = result.get("succeeded").and_then(Value::as_bool);
    let error = match result.get("errorCode") {
        Some(Value::String(text)) => RevocationError::parse(text),
        Some(Value::Number(number)) => RevocationError::parse(&number.to_string()),
        _ => None,
    };
    let (Some(context), Some(succeeded), Some(error)) = (context, succeeded, error) else {
        return Err(malformed("a result lacks requestContext, succeeded or errorCode"));
    };
    if succeeded != error.is_none() {
        return Err(malformed("errorCode contradicts succeeded"));
    }
    Ok(RevocationResult { context: context.to_owned(), error })
}
