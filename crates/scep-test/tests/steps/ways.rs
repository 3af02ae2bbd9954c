//! The steps of each way through a node, in their order: what a test dies at, and what is left then.

use scep_server::NotifyPolicy;

use crate::node::Flow;
use crate::steps::ANSWER;

pub(crate) const SIGNED: Flow = Flow::Signed;
pub(crate) const BEFORE_DELIVERY: Flow = Flow::Intune(NotifyPolicy::BeforeDelivery);
pub(crate) const DELIVER_FIRST: Flow = Flow::Intune(NotifyPolicy::DeliverThenNotify);

/// The steps of a request that gets its certificate.
pub(crate) fn enrolment(flow: Flow) -> Vec<String> {
    let asked: &[&str] = match flow {
        Flow::Signed => &["opening the request"],
        Flow::Intune(_) => &["opening the request", "recall", "the validation"],
    };
    let issued = ["begin", "signing for the CA", "commit"];
    let told: &[&str] = match flow {
        BEFORE_DELIVERY => &["the notification", "settling the notice"],
        _ => &[],
    };
    steps(&[asked, &issued, told, &["signing the reply"]].concat())
}

/// The steps of a request that comes again for a certificate whose notification was not sent.
pub(crate) fn repetition() -> Vec<String> {
    let told = ["claiming the notice", "the notification", "settling the notice"];
    steps(&[&["opening the request", "recall"][..], &told, &["signing the reply"]].concat())
}

/// The steps of a request to Intune for which the CA's key does not answer: no reply is signed.
pub(crate) fn failure() -> Vec<String> {
    let asked = ["opening the request", "recall", "the validation"];
    let failed = ["begin", "signing for the CA", "release", "the failure notification"];
    steps(&[&asked[..], &failed].concat())
}

/// The steps of a round of the outbox that sends one notification.
pub(crate) fn outbox() -> Vec<String> {
    steps(&["leasing notices", "the notification", "settling the notice"])
}

/// The steps of publishing a CRL.
pub(crate) fn crl() -> Vec<String> {
    steps(&["reading what is revoked", "drawing a CRL number", "signing for the CA"])
}

/// Before and after each of these, and before the answer leaves.
fn steps(calls: &[&str]) -> Vec<String> {
    let around = calls.iter().flat_map(|call| [format!("before {call}"), format!("after {call}")]);
    around.chain([ANSWER.to_owned()]).collect()
}

/// Whether this call was done by whoever died at the step of this number.
pub(crate) fn was_done(call: &str, steps: &[String], died_at: usize) -> bool {
    let after = format!("after {call}");
    steps.iter().position(|step| *step == after).is_some_and(|done| done <= died_at)
}
