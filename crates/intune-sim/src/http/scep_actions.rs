//! `ScepActions`: validateRequest, successNotification and failureNotification.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scep_types::{Csr, DigestAlgorithm, UnixTime};
use serde_json::{Value, json};

use super::answer::Answer;
use super::route::{Action, Incoming};
use crate::challenge::Claims;
use crate::compare::{Denial, ResultCode, compare};
use crate::ids::hex;
use crate::record::{IssuedRecord, RecordedFailure};
use crate::state::{NotificationPolicy, State, Token};

/// A request that cannot be answered with a result code: HTTP 400 with this sentence.
pub(super) struct Malformed(pub(super) String);

/// What all three actions say.
struct Subject<'a> {
    members: &'a Value,
    transaction_id: &'a str,
    certificate_request: &'a str,
}

pub(super) fn act(
    state: &mut State,
    token: &Token,
    action: Action,
    request: &Incoming,
) -> Result<Answer, Malformed> {
    let body = json_object(request)?;
    let member = if action == Action::Validate { "request" } else { "notification" };
    let subject = Subject::read(&body, member)?;
    let outcome = match action {
        Action::Validate => validate(state, token, &subject),
        Action::Success => succeeded(state, token, &subject)?,
        _ => failed(state, token, &subject)?,
    };
    Ok(result(state, token, &outcome))
}

/// The order of the checks is that of the service.
fn validate(state: &mut State, token: &Token, subject: &Subject<'_>) -> Result<(), Denial> {
    let (csr, claims) = read(state, token, subject)?;
    check_expiry(&claims, state.clock.now())?;
    check_target(state, &claims)?;
    compare(&csr, &claims.expected)?;
    let digest = subject.digest(state, token);
    state.validated.insert(digest);
    Ok(())
}

/// Decodes the CSR, then opens its challenge, then compares the tenant.
fn read(state: &State, token: &Token, subject: &Subject<'_>) -> Result<(Csr, Claims), Denial> {
    let undecodable = || {
        let text = "the certificate request cannot be decoded";
        Denial::new(ResultCode::CertificateRequestDecodingFailed, text)
    };
    let der = STANDARD.decode(subject.certificate_request).map_err(|_| undecodable())?;
    let csr = Csr::parse(der).map_err(|_| undecodable())?;
    let challenge = csr.challenge_password().ok_or_else(|| {
        let text = "the certificate request has no challenge password";
        Denial::new(ResultCode::ChallengePasswordMissing, text)
    })?;
    let claims = state.keys.open(challenge)?;
    if claims.tenant != token.tenant {
        let text = "Failed to parse the tenant id in the challenge.tenantId in challenge does not match \
                    tenantId from security token.";
        return Err(Denial::new(ResultCode::BadTenantIdInChallenge, text));
    }
    Ok((csr, claims))
}

fn check_expiry(claims: &Claims, now: UnixTime) -> Result<(), Denial> {
    if claims.expires <= claims.created {
        let text = "the challenge ends before it begins";
        return Err(Denial::new(ResultCode::ChallengeInvalidTimestamp, text));
    }
    if claims.expires <= now.as_secs() {
        let interval = claims.expires.saturating_sub(claims.created) / 60;
        let (expiration, creation) = (american(claims.expires), american(claims.created));
        let text = format!(
            "SCEP challenge has expired.SCEP Challenge has expired. challengeExpInterval={interval}, \
             challengeExpiration={expiration}, challengeCreation={creation}"
        );
        return Err(Denial::new(ResultCode::ChallengeExpired, text));
    }
    Ok(())
}

/// `10/21/2024 09:55:33`
fn american(seconds: i64) -> String {
    let text = UnixTime::from_secs(seconds).to_string(); // YYYY-MM-DDThh:mm:ssZ
    let cut = |from, to| text.get(from..to).unwrap_or_default();
    format!("{}/{}/{} {}", cut(5, 7), cut(8, 10), cut(0, 4), cut(11, 19))
}

fn check_target(state: &State, claims: &Claims) -> Result<(), Denial> {
    let denial = |code, text: &str| Err(Denial::new(code, text));
    if !state.minted.contains(&claims.request) {
        let text = "the certificate request id in the challenge is unknown";
        return denial(ResultCode::BadCertificateRequestIdInChallenge, text);
    }
    let Ok(device) = state.device(&claims.device) else {
        let text = "the device id in the challenge is unknown";
        return denial(ResultCode::BadDeviceIdInChallenge, text);
    };
    if device.user.as_ref().map(|user| &user.principal_name) != claims.user.as_ref() {
        let text = "the user id in the challenge is unknown";
        return denial(ResultCode::BadUserIdInChallenge, text);
    }
    let targeted = state.profile(&claims.profile).is_ok_and(|profile| profile.targets(&device.id));
    if !targeted {
        let text = "the SCEP profile is no longer targeted to the client";
        return denial(ResultCode::ScepProfileNoLongerTargetedToTheClient, text);
    }
    Ok(())
}

fn succeeded(
    state: &mut State,
    token: &Token,
    subject: &Subject<'_>,
) -> Result<Result<(), Denial>, Malformed> {
    let mut issued = IssuedRecord {
        tenant: token.tenant.clone(),
        device: String::new(),
        transaction_id: subject.transaction_id.to_owned(),
        thumbprint: subject.required("certificateThumbprint")?,
        serial_number: subject.required("certificateSerialNumber")?,
        expires: subject.required("certificateExpirationDateUtc")?,
        issuing_certificate_authority: subject.required("issuingCertificateAuthority")?,
        caller_info: subject.required("callerInfo")?,
        ca_configuration: subject.optional("caConfiguration")?,
        certificate_authority: subject.optional("certificateAuthority")?,
        notifications: 1,
        is_revoked: false,
    };
    let is_sha1 = |text: &str| text.len() == 40 && text.bytes().all(|c| c.is_ascii_hexdigit());
    if !is_sha1(&issued.thumbprint) {
        return Err(Malformed("certificateThumbprint is no SHA-1".to_owned()));
    }
    if !is_utc(&issued.expires) {
        return Err(Malformed("certificateExpirationDateUtc is no UTC date".to_owned()));
    }
    issued.device = match notified(state, token, subject) {
        Ok(claims) => claims.device,
        Err(denial) => return Ok(Err(denial)),
    };
    let known = state.issued.iter_mut().find(|known| {
        known.thumbprint.eq_ignore_ascii_case(&issued.thumbprint)
            && known.transaction_id == issued.transaction_id
            && known.tenant == issued.tenant
    });
    match known {
        Some(known) => known.notifications = known.notifications.saturating_add(1),
        None => state.issued.push(issued),
    }
    Ok(Ok(()))
}

fn failed(
    state: &mut State,
    token: &Token,
    subject: &Subject<'_>,
) -> Result<Result<(), Denial>, Malformed> {
    let h_result = subject.members.get("hResult").and_then(Value::as_i64);
    let h_result = h_result
        .filter(|number| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(number))
        .ok_or_else(|| Malformed("hResult is no number of 32 bits".to_owned()))?;
    let description = subject.required("errorDescription")?;
    if description.chars().count() > 255 {
        return Err(Malformed("errorDescription has more than 255 characters".to_owned()));
    }
    let caller_info = subject.required("callerInfo")?;
    let claims = match notified(state, token, subject) {
        Ok(claims) => claims,
        Err(denial) => return Ok(Err(denial)),
    };
    state.failures.push(RecordedFailure {
        tenant: token.tenant.clone(),
        device: claims.device,
        transaction_id: subject.transaction_id.to_owned(),
        h_result,
        description,
        caller_info,
    });
    Ok(Ok(()))
}

/// A notification is about a challenge of ours, whether it ended since or not.
fn notified(state: &State, token: &Token, subject: &Subject<'_>) -> Result<Claims, Denial> {
    let (_, claims) = read(state, token, subject)?;
    let was_validated = || state.validated.contains(&subject.digest(state, token));
    if state.notification_policy == NotificationPolicy::AfterValidation && !was_validated() {
        let text = "the certificate request was not validated";
        return Err(Denial::new(ResultCode::BadCertificateRequestIdInChallenge, text));
    }
    Ok(claims)
}

/// RFC 3339 with `Z`, with or without a fraction of a second, or with an offset of zero.
fn is_utc(text: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00:00:00";
    let (Some(date), Some(rest)) = (text.get(..PATTERN.len()), text.get(PATTERN.len()..)) else {
        return false;
    };
    let fits = date.bytes().zip(PATTERN).all(|(found, wanted)| match wanted {
        b'0' => found.is_ascii_digit(),
        literal => found == *literal,
    });
    let fraction =
        rest.strip_prefix('.').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    fits && matches!(fraction.unwrap_or(rest), "Z" | "+00:00" | "+0000" | "-0000")
}

/// HTTP 200, whatever the result.
fn result(state: &State, token: &Token, outcome: &Result<(), Denial>) -> Answer {
    let (code, description) = match outcome {
        Ok(()) => (ResultCode::Success, ""),
        Err(denial) => (denial.code, denial.description.as_str()),
    };
    Answer::json(200, &result_document(state, &token.tenant, &code.to_string(), description))
}

/// The JSON of a result.
pub(super) fn result_document(state: &State, tenant: &str, code: &str, description: &str) -> Value {
    let service = &state.urls.service;
    let context = format!(
        "{service}/RACerts/StatelessScepRequestValidationService/{tenant}/$metadata#\
         microsoft.management.services.scepRequestValidationService.api.scepActionResult"
    );
    json!({ "@odata.context": context, "code": code, "errorDescription": description })
}

pub(super) fn json_object(request: &Incoming) -> Result<Value, Malformed> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| Malformed("the body is no JSON".to_owned()))?;
    if body.is_object() { Ok(body) } else { Err(Malformed("the body is no object".to_owned())) }
}

impl<'a> Subject<'a> {
    fn read(body: &'a Value, member: &str) -> Result<Self, Malformed> {
        let members = body.get(member).filter(|members| members.is_object());
        let members = members.ok_or_else(|| Malformed(format!("{member} is missing")))?;
        let text = |name: &str| {
            let text = members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.ok_or_else(|| Malformed(format!("{name} is missing")))
        };
        text("callerInfo")?;
        Ok(Self {
            members,
            transaction_id: text("transactionId")?,
            certificate_request: text("certificateRequest")?,
        })
    }

    fn required(&self, name: &str) -> Result<String, Malformed> {
        let text = self.members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| Malformed(format!("{name} is missing")))
    }

    /// A string, null, or absent.
    fn optional(&self, name: &str) -> Result<Option<String>, Malformed> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Malformed(format!("{name} is no string"))),
        }
    }

    /// What stands for tenant, transaction and CSR among what was validated.
    fn digest(&self, state: &State, token: &Token) -> String {
        let parts = [&token.tenant, self.transaction_id, self.certificate_request].join("\n");
        let digest = state.provider.digest.digest(DigestAlgorithm::Sha256, parts.as_bytes());
        digest.map_or(parts, |digest| hex(digest.as_ref()))
    }
}
