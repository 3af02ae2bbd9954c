//! The fault matrix: each fault at each endpoint of the service, and what it comes to for the device, for the service, for
//! the clock, and for the administrator. Afterwards all is well again, and the same message gets what it should.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use intune_sim::{Endpoint, Fault, Host, RevocationState};
use scep_server::{Compliance, ComplianceCheck, ComplianceRequest};
use scep_store::Cause;

use crate::still::{Learned, Still, Trouble};

/// A fault and what it comes to.
struct Row {
    name: &'static str,
    trouble: Trouble,
    /// How often the endpoint is asked.
    sent: usize,
    /// Milliseconds.
    spent: u64,
    comes_to: Comes,
    /// What the administrator reads.
    reads: &'static str,
}

/// What the device gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// Its certificate, at once.
    Delivered,
    /// To come again after so many seconds; then it gets its certificate.
    Again(u64),
    /// This failInfo, then and later.
    Refused(u8),
}

const BAD_REQUEST: u8 = 2;

fn row(
    name: &'static str,
    fault: Fault,
    (sent, spent): (usize, u64),
    comes_to: Comes,
    reads: &'static str,
) -> Row {
    Row { name, trouble: Trouble::Injected(fault), sent, spent, comes_to, reads }
}

fn refused_connection(sent: usize, spent: u64, comes_to: Comes, reads: &'static str) -> Row {
    Row { name: "connection refused", trouble: Trouble::Refused, sent, spent, comes_to, reads }
}

/// Runs each row on a stage of its own, and tells of all that differ.
fn hold(rows: Vec<Row>, run: impl Fn(&Row) -> Vec<String>) {
    let mut differ = String::new();
    for row in rows {
        for difference in run(&row) {
            writeln!(differ, "{}: {difference}", row.name).unwrap();
        }
    }
    assert!(differ.is_empty(), "\n{differ}");
}

/// What differs from what was expected.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    #[expect(clippy::needless_pass_by_value, reason = "it is called with what was just made")]
    fn expect<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.0.push(format!("{what}: {found:?}, not {expected:?}"));
        }
    }

    fn expect_in(&mut self, what: &str, text: &str, expected: &str) {
        if !text.contains(expected) {
            self.0.push(format!("{what}: {expected:?} is not in {text}"));
        }
    }
}

/// A fault before the service has said yes: at Entra, at Graph, at validateRequest.
fn before_issuance(endpoint: Endpoint, row: &Row) -> Vec<String> {
    let (stage, mut differ) = (Still::set(None), Differences::default());
    stage.fail(endpoint, &row.trouble);
    let first = stage.send();
    let issued = usize::from(row.comes_to == Comes::Delivered);
    differ.expect("sent", stage.carrier.sent(endpoint), row.sent);
    differ.expect("spent", first.spent, Duration::from_millis(row.spent));
    differ.expect("device", comes(&first.learned), row.comes_to);
    differ.expect("certificates", stage.certificates(), issued);
    differ.expect("noted", stage.simulator.issued().len(), issued);
    differ.expect("challenges used", stage.store.usage().unwrap().challenges, issued);
    differ.expect("failures told", stage.carrier.sent(Endpoint::FailureNotification), 0);
    differ.expect_in("audit", &stage.reason(), row.reads);
    differ.expect_in("log", &first.log, row.reads);
    // What the service says no to burns nothing: it may say yes later.
    afterwards(&stage, Comes::Delivered, &mut differ);
    differ.0
}

/// A fault after the certificate was issued: at successNotification.
fn before_delivery(row: &Row) -> Vec<String> {
    let (stage, mut differ) = (Still::set(None), Differences::default());
    let endpoint = Endpoint::SuccessNotification;
    stage.fail(endpoint, &row.trouble);
    let first = stage.send();
    let did_note = row.comes_to == Comes::Delivered || row.name == "answer lost";
    differ.expect("sent", stage.carrier.sent(endpoint), row.sent);
    differ.expect("spent", first.spent, Duration::from_millis(row.spent));
    differ.expect("device", comes(&first.learned), row.comes_to);
    differ.expect("certificates", stage.certificates(), 1);
    differ.expect("noted", stage.simulator.issued().len(), usize::from(did_note));
    differ.expect("failures told", stage.carrier.sent(Endpoint::FailureNotification), 0);
    differ.expect_in("audit", &stage.reason(), row.reads);
    differ.expect_in("log", &first.log, row.reads);
    let refused = matches!(row.comes_to, Comes::Refused(_));
    afterwards(&stage, if refused { row.comes_to } else { Comes::Delivered }, &mut differ);
    differ.expect("validations", stage.carrier.sent(Endpoint::Validate), 1);
    differ.0
}

/// The same message again, when all is well.
fn afterwards(stage: &Still, expected: Comes, differ: &mut Differences) {
    stage.mend();
    let again = stage.send();
    let issued = usize::from(expected == Comes::Delivered);
    differ.expect("again", comes(&again.learned), expected);
    differ.expect("certificates again", stage.certificates(), 1);
    let noted = stage.simulator.issued();
    differ.expect("noted again", noted.len(), issued);
    if let (Learned::Certificate(enrolled), [noted]) = (&again.learned, &noted[..]) {
        let delivered = enrolled.certificate.serial_hex();
        differ.expect("serial number", noted.serial_number.as_str(), &delivered);
    }
    elsewhere(stage, differ);
}

/// No token goes where a redirect points to.
fn elsewhere(stage: &Still, differ: &mut Differences) {
    let strays = stage.simulator.requests().iter().filter(|r| r.host == Host::Elsewhere).count();
    differ.expect("requests to elsewhere", strays, 0);
}

fn comes(learned: &Learned) -> Comes {
    match learned {
        Learned::Certificate(_) => Comes::Delivered,
        Learned::ComeAgain(seconds) => Comes::Again(*seconds),
        Learned::Refused(fail_info) => Comes::Refused(*fail_info),
    }
}

/// What goes wrong on the way is the same at all endpoints; only a refused connection is not. If all is well, the endpoint
/// is asked so often.
fn on_the_way(asked: usize) -> Vec<Row> {
    let again = Comes::Again(30);
    let soon = || Fault::ServiceUnavailable(Some(2));
    let late = || Fault::ServiceUnavailable(Some(60));
    let slow = Fault::SlowBody(Duration::from_millis(1));
    vec![
        row("no answer", Fault::Timeout, (3, 20_000), again, "no answer in time"),
        row("dropped", Fault::Dropped, (3, 1_500), again, "the connection failed"),
        row("answer lost", Fault::AnswerLost, (3, 1_500), again, "the connection failed"),
        row("500", Fault::InternalError, (3, 1_500), again, "HTTP 500"),
        row("503, 2 s", soon(), (3, 4_000), Comes::Again(5), "HTTP 503"),
        row("503, 60 s", late(), (1, 0), Comes::Again(60), "HTTP 503"),
        row("429", Fault::TooManyRequests(None), (3, 1_500), again, "throttled (HTTP 429)"),
        row("malformed", Fault::MalformedJson, (1, 0), again, "unreadable answer with HTTP 200"),
        row("no object", Fault::NotAnObject, (1, 0), again, "unreadable answer with HTTP 200"),
        row("without code", Fault::WithoutCode, (1, 0), again, "unreadable answer with HTTP 200"),
        row("slow", slow, (asked, 0), Comes::Delivered, ""),
        row("redirect", Fault::Redirect, (1, 0), again, "a redirect (HTTP 307)"),
    ]
}

#[test]
fn at_the_token_endpoint() {
    let again = Comes::Again(30);
    let mut rows = on_the_way(2);
    rows.extend([
        refused_connection(3, 1_500, again, "cannot connect"),
        row("401", Fault::Status(401), (1, 0), again, ""),
        row("invalid_client", Fault::InvalidClient, (1, 0), again, "AADSTS7000215"),
        row("unknown code", Fault::unknown_code(), (1, 0), again, "unreadable answer"),
        row("lower case", Fault::LowerCaseSuccess, (2, 0), Comes::Delivered, ""),
    ]);
    hold(rows, |row| before_issuance(Endpoint::Token, row));
}

#[test]
fn at_the_discovery() {
    let again = Comes::Again(30);
    let mut rows = on_the_way(1);
    rows.extend([
        refused_connection(3, 1_500, again, "cannot connect"),
        row("401", Fault::Status(401), (2, 0), again, "Microsoft Graph refuses the token"),
        row("403", Fault::Status(403), (1, 0), again, "Application.Read.All"),
        row("invalid_client", Fault::InvalidClient, (1, 0), again, "HTTP 400"),
        row("unknown code", Fault::unknown_code(), (1, 0), again, "unreadable answer"),
        row("lower case", Fault::LowerCaseSuccess, (1, 0), Comes::Delivered, ""),
    ]);
    hold(rows, |row| before_issuance(Endpoint::Discovery, row));
}

/// At an action of the service.
fn at_an_action() -> Vec<Row> {
    let again = Comes::Again(30);
    let mut rows = on_the_way(1);
    rows.extend([
        refused_connection(4, 1_500, again, "cannot connect"),
        row("401", Fault::Status(401), (2, 0), again, "Intune refuses the token"),
        row("403", Fault::Status(403), (1, 0), again, "scep_challenge_provider"),
        row("404", Fault::Status(404), (2, 0), again, "not at this address (HTTP 404)"),
        row("invalid_client", Fault::InvalidClient, (1, 0), again, "HTTP 400"),
        row("lower case", Fault::LowerCaseSuccess, (1, 0), Comes::Delivered, ""),
    ]);
    rows
}

#[test]
fn at_the_validation() {
    let mut rows = at_an_action();
    let refused = Comes::Refused(BAD_REQUEST);
    rows.push(row("unknown code", Fault::unknown_code(), (1, 0), refused, "CodeOfTomorrow"));
    hold(rows, |row| before_issuance(Endpoint::Validate, row));
}

#[test]
fn at_the_success_notification() {
    let mut rows = at_an_action();
    let refused = Comes::Refused(BAD_REQUEST);
    rows.push(row("unknown code", Fault::unknown_code(), (1, 0), refused, "CodeOfTomorrow"));
    hold(rows, before_delivery);
}

/// Says no after the service has said yes, so that there is a failure to tell.
struct Never;

#[async_trait]
impl ComplianceCheck for Never {
    async fn check(&self, _: ComplianceRequest<'_>) -> Result<Compliance, Cause> {
        Ok(Compliance::NotCompliant { reason: "never".to_owned() })
    }
}

/// A fault at failureNotification: the device is refused anyway, and nothing comes again.
#[test]
fn at_the_failure_notification() {
    let mut rows = at_an_action();
    let again = Comes::Again(30);
    rows.push(row("unknown code", Fault::unknown_code(), (1, 0), again, "CodeOfTomorrow"));
    hold(rows, |row| {
        let (stage, mut differ) = (Still::set(Some(Arc::new(Never))), Differences::default());
        let endpoint = Endpoint::FailureNotification;
        stage.fail(endpoint, &row.trouble);
        let first = stage.send();
        let told = usize::from(row.comes_to == Comes::Delivered);
        let lost = 3 * usize::from(row.name == "answer lost");
        differ.expect("sent", stage.carrier.sent(endpoint), row.sent);
        differ.expect("spent", first.spent, Duration::from_millis(row.spent));
        differ.expect("device", comes(&first.learned), Comes::Refused(BAD_REQUEST));
        differ.expect("certificates", stage.certificates(), 0);
        differ.expect("told", stage.simulator.failures().len(), told + lost);
        differ.expect_in("audit", &stage.reason(), "the device does not comply");
        let line =
            ["the service was not told of the failure", "the service was told of the failure"];
        differ.expect_in("log", &first.log, line[told]);
        differ.expect_in("log", &first.log, row.reads);
        stage.mend();
        let again = stage.send();
        differ.expect("again", comes(&again.learned), Comes::Refused(BAD_REQUEST));
        differ.expect("told again", stage.simulator.failures().len(), told + lost + 1);
        differ.expect("noted", stage.simulator.issued().len(), 0);
        elsewhere(&stage, &mut differ);
        differ.0
    });
}

/// A stage with a certificate that an administrator revoked.
fn to_be_revoked() -> Still {
    let stage = Still::set(None);
    assert!(matches!(stage.send().learned, Learned::Certificate(_)));
    let [record] = &stage.simulator.issued()[..] else { panic!() };
    let issuer = record.issuing_certificate_authority.as_str();
    stage.simulator.request_revocation(&record.serial_number, Some(issuer)).unwrap();
    stage
}

fn in_revocation(endpoint: Endpoint, row: &Row) -> Vec<String> {
    let (stage, mut differ) = (to_be_revoked(), Differences::default());
    stage.fail(endpoint, &row.trouble);
    let first = stage.revoke();
    let is_done = row.comes_to == Comes::Delivered;
    let state = || stage.simulator.revocations()[0].state.clone();
    differ.expect("sent", stage.carrier.sent(endpoint), row.sent);
    differ.expect("spent", first.spent, Duration::from_millis(row.spent));
    differ.expect("done", first.learned.is_ok(), is_done);
    let reported =
        is_done || endpoint == Endpoint::UploadRevocationResults && row.name == "answer lost";
    differ.expect("reported", state() == RevocationState::Succeeded, reported);
    if let Err(error) = &first.learned {
        differ.expect_in("error", error, row.reads);
        differ.expect_in("log", &first.log, row.reads);
    }
    stage.mend();
    let again = stage.revoke().learned;
    differ.expect("again", again, Ok(usize::from(!reported)));
    differ.expect("reported again", state(), RevocationState::Succeeded);
    elsewhere(&stage, &mut differ);
    differ.0
}

/// Codes are for ScepActions: here they are an answer without what was asked for.
fn at_revocation() -> Vec<Row> {
    let mut rows = at_an_action();
    let again = Comes::Again(30);
    rows.push(row("unknown code", Fault::unknown_code(), (1, 0), again, "unreadable answer"));
    rows
}

#[test]
fn at_the_download_of_revocations() {
    hold(at_revocation(), |row| in_revocation(Endpoint::DownloadRevocationRequests, row));
}

#[test]
fn at_the_upload_of_their_results() {
    hold(at_revocation(), |row| in_revocation(Endpoint::UploadRevocationResults, row));
}
