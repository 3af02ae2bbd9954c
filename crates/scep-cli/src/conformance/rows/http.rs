//! HTTP (RFC 8894 §4.1 and §4.3).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use scep_proto::client::HttpRequest;
use scep_proto::http::{Method, encode_message};

use crate::conformance::lab::{Came, ContentType, Lab};
use crate::conformance::row::{Finding, Level, Outcome, Row, not_applicable};
use crate::conformance::wire::Target;

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-4.1-02",
        level: Level::Should,
        title: "the path does not matter: /pkiclient.exe after it",
        certificates: 0,
        check: pkiclient_path,
    },
    Row {
        id: "R-4.1-05",
        level: Level::Practice,
        title: "GET: every way to write base64",
        certificates: 0,
        check: base64_in_get,
    },
    Row {
        id: "R-4.1-06",
        level: Level::Practice,
        title: "long GETs are taken, huge POSTs refused",
        certificates: 0,
        check: sizes,
    },
    Row {
        id: "R-4.1-08",
        level: Level::Practice,
        title: "Cache-Control: no-store",
        certificates: 0,
        check: no_store,
    },
    Row {
        id: "R-4.1-09",
        level: Level::Practice,
        title: "names and operations without case, in any order",
        certificates: 0,
        check: any_case,
    },
    Row {
        id: "R-4.1-10",
        level: Level::Practice,
        title: "HTTP/1.0 without Host",
        certificates: 0,
        check: http_1_0,
    },
    Row {
        id: "R-4.1-11",
        level: Level::Practice,
        title: "unknown operation: 400; other method: 405 with Allow",
        certificates: 0,
        check: other_requests,
    },
    Row {
        id: "R-4.3-03",
        level: Level::Practice,
        title: "POST: no operation is PKIOperation, another is 400",
        certificates: 0,
        check: post_without_operation,
    },
    Row {
        id: "R-4.3-04",
        level: Level::Practice,
        title: "POST: the Content-Type does not matter",
        certificates: 0,
        check: post_content_type,
    },
    Row {
        id: "R-4.3-05",
        level: Level::Must,
        title: "a CertRep comes with its type and HTTP 200",
        certificates: 0,
        check: type_of_a_reply,
    },
    Row {
        id: "R-4.3-08",
        level: Level::Practice,
        title: "POST: a body in base64",
        certificates: 0,
        check: base64_in_post,
    },
    Row {
        id: "R-4.3-09",
        level: Level::Practice,
        title: "what is no message: HTTP 400",
        certificates: 0,
        check: garbage,
    },
];

fn status(came: &Came) -> String {
    came.status.map_or("nothing".to_owned(), |status| format!("HTTP {status}"))
}

/// The usual answer to a harmless message, however it was sent.
fn usual(lab: &Lab, sent: &str, came: &Came) -> Finding {
    Finding::new(lab.is_usual(came), sent, came)
}

fn pkiclient_path(lab: &mut Lab) -> Outcome {
    let url = lab.setting.url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    if url.to_ascii_lowercase().ends_with("/pkiclient.exe") {
        return not_applicable("the URL ends so");
    }
    let provider = scep_crypto::aws_lc_rs::provider();
    let client = scep_client::Client::new(&format!("{url}/pkiclient.exe"), provider)?;
    let came = lab.exchange(&client, &HttpRequest::get_ca_caps());
    Ok(Finding::new(
        came.status == Some(200),
        "GET …/pkiclient.exe?operation=GetCACaps",
        status(&came),
    ))
}

fn base64_in_get(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.build()?;
    let text = STANDARD.encode(&message);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let lines = lines.join("%0A").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let forms = [
        ("escaped", encode_message(&message)),
        ("with + and / as they are", text.replace('=', "%3D")),
        ("in lines of 64", lines),
        ("as base64url", URL_SAFE.encode(&message).replace('=', "%3D")),
        ("without =", STANDARD.encode(&message).trim_end_matches('=').replace('+', "%2B")),
    ];
    let tries = forms.map(|(form, message)| {
        let came = lab.get(&format!("operation=PKIOperation&message={message}"));
        usual(lab, &format!("GET PKIOperation {form}"), &came)
    });
    Ok(Finding::all(&tries))
}

fn sizes(lab: &mut Lab) -> Outcome {
    let message = encode_message(&lab.harmless()?.build()?);
    let long =
        lab.get(&format!("operation=PKIOperation&message={message}&x={}", "y".repeat(16_384)));
    let huge = Bytes::from(vec![0x30; 2 * 1024 * 1024]);
    let huge = lab.post_as("operation=PKIOperation", ContentType::Message, huge);
    // A server that stops reading may close before its answer is read.
    let refused = matches!(huge.status, Some(413 | 400) | None);
    Ok(Finding::all(&[
        usual(lab, "GET PKIOperation of more than 16 KiB", &long),
        Finding::new(refused, "POST of 2 MiB", status(&huge)),
    ]))
}

fn no_store(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let found = came.header("cache-control").unwrap_or("no Cache-Control");
    let passes = found.to_ascii_lowercase().contains("no-store");
    Ok(Finding::new(passes, "PKIOperation", found.escape_debug()))
}

fn any_case(lab: &mut Lab) -> Outcome {
    let message = encode_message(&lab.harmless()?.build()?);
    let came = lab.get(&format!("message={message}&x=1&Operation=pkioperation"));
    Ok(usual(lab, "GET ?message=…&x=1&Operation=pkioperation", &came))
}

fn http_1_0(lab: &mut Lab) -> Outcome {
    let target = Target::of(&lab.setting.url)?;
    let request = target.request("GET", "GetCACaps", "HTTP/1.0");
    let head = target.talk(&request, lab.setting.timeout);
    let status = head.as_ref().map(|head| head.status);
    let came = status.map_or("nothing".to_owned(), |status| format!("HTTP {status}"));
    Ok(Finding::new(status == Some(200), "GET GetCACaps HTTP/1.0, no Host", came))
}

fn other_requests(lab: &mut Lab) -> Outcome {
    let unknown = lab.get("operation=NoSuchOperation");
    let mut tries =
        vec![Finding::new(unknown.status == Some(400), "GET NoSuchOperation", status(&unknown))];
    if let Ok(target) = Target::of(&lab.setting.url) {
        let request = target.request("PUT", "GetCACaps", "HTTP/1.1");
        let head = target.talk(&request, lab.setting.timeout);
        let allow = head.as_ref().and_then(|head| head.header("allow")).unwrap_or("no Allow");
        let status = head.as_ref().map(|head| head.status);
        let passes = status == Some(405) && allow.contains("GET");
        let came = status.map_or("nothing".to_owned(), |status| format!("HTTP {status}, {allow}"));
        tries.push(Finding::new(passes, "PUT", came));
    }
    Ok(Finding::all(&tries))
}

fn post_without_operation(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.build()?;
    let without = lab.post_as("", ContentType::Message, message.clone());
    let other = lab.post_as("operation=GetCACert", ContentType::Message, message);
    Ok(Finding::all(&[
        usual(lab, "POST without operation", &without),
        Finding::new(other.status == Some(400), "POST GetCACert", status(&other)),
    ]))
}

fn post_content_type(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.build()?;
    let types = [("no Content-Type", ContentType::Absent), ("octet-stream", ContentType::Octets)];
    let tries = types.map(|(name, content_type)| {
        let came = lab.post_as("operation=PKIOperation", content_type, message.clone());
        usual(lab, &format!("POST with {name}"), &came)
    });
    Ok(Finding::all(&tries))
}

fn type_of_a_reply(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let found = came.header("content-type").unwrap_or("no Content-Type");
    let passes = came.status == Some(200) && found == scep_proto::http::PKI_MESSAGE;
    let came = format!("{came}, {}, {}", status(&came), found.escape_debug());
    Ok(Finding::new(passes, "PKIOperation", came))
}

fn base64_in_post(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.build()?;
    let body = Bytes::from(STANDARD.encode(message));
    let came = lab.post_as("operation=PKIOperation", ContentType::Message, body);
    Ok(usual(lab, "POST of base64", &came))
}

fn garbage(lab: &mut Lab) -> Outcome {
    let bodies: [&[u8]; 3] = [b"what", &[0x30, 0x82, 0xFF, 0xFF, 0x02], &[0x30, 0x00]];
    let tries = bodies.map(|body| {
        let request = HttpRequest::pki_operation(&Bytes::copy_from_slice(body), Method::Post);
        let came = lab.exchange(&lab.setting.client, &request);
        Finding::new(
            came.status == Some(400),
            format_args!("POST of {} octets", body.len()),
            status(&came),
        )
    });
    Ok(Finding::all(&tries))
}
