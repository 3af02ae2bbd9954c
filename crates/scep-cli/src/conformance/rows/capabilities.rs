//! GetCACaps (RFC 8894 §3.5).

use scep_proto::Capabilities;

use crate::conformance::lab::{Came, Lab};
use crate::conformance::row::{Finding, Level, Outcome, Row, not_applicable, not_tested};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-3.5-01",
        level: Level::Must,
        title: "GetCACaps is answered",
        certificates: 0,
        check: is_answered,
    },
    Row {
        id: "R-3.5.2-01",
        level: Level::Must,
        title: "keywords in exact case",
        certificates: 0,
        check: keywords_in_exact_case,
    },
    Row {
        id: "R-3.5.2-06",
        level: Level::Practice,
        title: "what SCEPStandard implies is announced by name",
        certificates: 0,
        check: implied_ones_by_name,
    },
    Row {
        id: "R-3.5.2-08",
        level: Level::Should,
        title: "Content-Type text/plain, without parameters",
        certificates: 0,
        check: is_text_plain,
    },
    Row {
        id: "R-3.5.2-11",
        level: Level::Practice,
        title: "one keyword a line, LF, no blanks, few lines",
        certificates: 0,
        check: is_tidy,
    },
    Row {
        id: "R-3.5.2-12",
        level: Level::Practice,
        title: "GetNextCACert announced only if served",
        certificates: 0,
        check: next_ca_as_announced,
    },
    Row {
        id: "R-3.5.2-17",
        level: Level::Practice,
        title: "answered for an unknown CA name",
        certificates: 0,
        check: answered_for_any_name,
    },
];

const ASKED: &str = "GET GetCACaps";

fn answer(lab: &Lab) -> Result<(Came, String), crate::conformance::row::NoVerdict> {
    let came = lab.get("operation=GetCACaps");
    match came.status {
        Some(200) => {
            let text = String::from_utf8_lossy(&came.body()).into_owned();
            Ok((came, text))
        }
        _ => not_tested("GetCACaps is not answered"),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

fn is_answered(lab: &mut Lab) -> Outcome {
    let came = lab.get("operation=GetCACaps");
    let status = came.status.map_or("nothing".to_owned(), |status| format!("HTTP {status}"));
    Ok(Finding::new(came.status == Some(200), ASKED, status))
}

fn keywords_in_exact_case(lab: &mut Lab) -> Outcome {
    let (_, text) = answer(lab)?;
    let wrong = text.lines().map(str::trim).find(|line| {
        let known = Capabilities::parse(line);
        known != Capabilities::empty() && !known.keywords().any(|keyword| keyword == *line)
    });
    Ok(Finding::new(wrong.is_none(), ASKED, shown(wrong.unwrap_or(&text))))
}

fn implied_ones_by_name(lab: &mut Lab) -> Outcome {
    let (_, text) = answer(lab)?;
    if !Capabilities::parse(&text).contains(Capabilities::SCEP_STANDARD) {
        return not_applicable("SCEPStandard is not announced");
    }
    let named = |keyword: &str| text.lines().any(|line| line.trim() == keyword);
    let all = ["AES", "POSTPKIOperation", "SHA-256"].into_iter().all(named);
    Ok(Finding::new(all, ASKED, shown(&text)))
}

fn is_text_plain(lab: &mut Lab) -> Outcome {
    let (came, _) = answer(lab)?;
    let found = came.header("content-type").unwrap_or("no Content-Type");
    Ok(Finding::new(found == "text/plain", ASKED, found.escape_debug()))
}

fn is_tidy(lab: &mut Lab) -> Outcome {
    let (_, text) = answer(lab)?;
    let tidy = |line: &str| line == line.trim() && !line.is_empty();
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    let passes = lines.clone().all(tidy) && lines.count() <= 15;
    Ok(Finding::new(passes, ASKED, shown(&text)))
}

fn next_ca_as_announced(lab: &mut Lab) -> Outcome {
    let announced = lab.capabilities().contains(Capabilities::GET_NEXT_CA_CERT);
    let came = lab.get("operation=GetNextCACert");
    let served = came.status == Some(200);
    let status = came.status.map_or("nothing".to_owned(), |status| format!("HTTP {status}"));
    let announced_text = if announced { "announced" } else { "not announced" };
    let came = format!("{announced_text}, {status}");
    Ok(Finding::new(announced == served, "GET GetNextCACert", came))
}

fn answered_for_any_name(lab: &mut Lab) -> Outcome {
    let came = lab.get("operation=GetCACaps&message=no-such-ca");
    let status = came.status.map_or("nothing".to_owned(), |status| format!("HTTP {status}"));
    let sent = "GET GetCACaps&message=no-such-ca";
    Ok(Finding::new(came.status == Some(200), sent, status))
}
