//! Everything that is known of decisions afterwards: counters, the newest ones with their reasons, the audit trail, the
//! store's journal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use intune_challenge::service::KnownCode;
use prometheus_client::encoding::EncodeLabelSet;
use scep_server::{Clock as _, Decision, Observer, Outcome, SystemClock};
use scep_store::EventKind;
use serde::Serialize;
use serde_json::{Value, json};

use super::audit::Trail;
use super::journal::Journal;

/// Decisions that are kept in memory.
const MOST_RECENT: usize = 1_000;
/// Characters of a text that a peer chose.
const LONGEST: usize = 512;

/// What codes are counted as that Microsoft has not named yet.
pub(super) const UNKNOWN_CODE: &str = "other";

/// Watches all endpoints, over reloads.
#[derive(Debug)]
pub(super) struct Watch {
    counts: Mutex<BTreeMap<DecisionLabels, u64>>,
    denials: Mutex<BTreeMap<DenialLabels, u64>>,
    recent: Mutex<VecDeque<Record>>,
    pub(super) trail: Trail,
    /// Of the store, if it keeps one.
    pub(super) journal: OnceLock<Journal>,
}

/// By what decisions are counted. The values are few: names of endpoints, and labels that the code holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    pub(super) endpoint: String,
    pub(super) outcome: &'static str,
    /// Why there is no certificate; empty where there is one.
    pub(super) reason: &'static str,
}

/// By what the denials of Intune's service are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, EncodeLabelSet)]
pub(super) struct DenialLabels {
    pub(super) endpoint: String,
    /// One of Microsoft's codes, or [`UNKNOWN_CODE`].
    pub(super) code: &'static str,
}

/// A decision, as operators see it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Record {
    /// RFC 3339.
    at: String,
    endpoint: String,
    outcome: &'static str,
    /// The stable label of the reason.
    reason: Option<&'static str>,
    /// The reason in words.
    detail: Option<String>,
    transaction_id: Option<String>,
    message_type: Option<String>,
    /// The id of the last call to Intune about it, for Microsoft's support.
    activity_id: Option<String>,
    /// The code by which Intune decided against it.
    service_code: Option<String>,
    /// For whom a signed challenge was made.
    device: Option<String>,
    /// The subject of the CSR.
    subject: Option<String>,
    subject_alt_names: usize,
    serial: Option<String>,
    /// On which authorisation it was issued.
    basis: Option<&'static str>,
}

impl Watch {
    pub(super) fn new(trail: Trail) -> Self {
        let (counts, denials) = (Mutex::default(), Mutex::default());
        let (recent, journal) = (Mutex::default(), OnceLock::new());
        Self { counts, denials, recent, trail, journal }
    }

    /// How many decisions there were, by endpoint, outcome and reason.
    pub(super) fn counts(&self) -> BTreeMap<DecisionLabels, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often Intune's service decided against a request, by endpoint and code.
    pub(super) fn denials(&self) -> BTreeMap<DenialLabels, u64> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest decisions, newest first.
    pub(super) fn recent(&self, most: usize) -> Vec<Record> {
        self.records().iter().rev().take(most).cloned().collect()
    }

    /// Writes what someone did through the admin API, or a signal, into the audit trail and the journal.
    pub(super) fn acted(&self, at: &str, who: &str, what: &str, details: &Value) {
        tracing::info!(who, what, %details, "admin");
        let line = json!({ "at": at, "who": who, "did": what, "details": details });
        self.trail.append(&line);
        if let Some(journal) = self.journal.get() {
            journal.record(EventKind::Action, SystemClock.now(), &line);
        }
    }

    fn records(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn decided(&self, decision: &Decision<'_>) {
        let outcome = decision.outcome.label();
        let reason = decision.outcome.error().map(scep_server::Error::label);
        let endpoint = decision.endpoint.to_owned();
        let labels = DecisionLabels { endpoint, outcome, reason: reason.unwrap_or_default() };
        count(&self.counts, labels);
        if let Some(code) = decision.service_code {
            // What Microsoft has not named yet is no label: it comes from outside.
            let code = KnownCode::from_name(code).map_or(UNKNOWN_CODE, KnownCode::name);
            count(&self.denials, DenialLabels { endpoint: decision.endpoint.to_owned(), code });
        }
        let record = Record::of(decision, reason);
        self.trail.append(&record);
        // Anyone can send what cannot be read, as much as the rates let in: it must not push out the rest.
        if let (Some(journal), false) = (self.journal.get(), is_unreadable(decision)) {
            journal.record(EventKind::Decision, decision.at, &record);
        }
        let mut recent = self.records();
        if recent.len() >= MOST_RECENT {
            recent.pop_front();
        }
        recent.push_back(record);
    }
}

impl Record {
    fn of(decision: &Decision<'_>, reason: Option<&'static str>) -> Self {
        let (serial, basis) = match decision.outcome {
            Outcome::Issued { certificate, basis } => {
                (Some(certificate.serial_hex()), Some(basis.label()))
            }
            Outcome::Repeated { certificate } => (Some(certificate.serial_hex()), None),
            _ => (None, None),
        };
        Self {
            at: decision.at.to_string(),
            endpoint: decision.endpoint.to_owned(),
            outcome: decision.outcome.label(),
            reason,
            detail: decision.outcome.error().map(|error| cut(&error.to_string())),
            transaction_id: decision.transaction_id.map(|id| cut(&id.to_string())),
            message_type: decision.message_type.map(|kind| kind.to_string()),
            activity_id: decision.activity_id.map(|id| id.to_string()),
            service_code: decision.service_code.map(cut),
            device: decision.device.map(cut),
            subject: decision.subject.map(|subject| cut(&subject.to_string())),
            subject_alt_names: decision.subject_alt_names,
            serial,
            basis,
        }
    }
}

fn is_unreadable(decision: &Decision<'_>) -> bool {
    matches!(decision.outcome, Outcome::Unreadable { .. })
}

fn count<L: Ord>(counts: &Mutex<BTreeMap<L, u64>>, labels: L) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(labels).or_default();
    *count = count.saturating_add(1);
}

/// The beginning of a text, so that nobody fills the memory with names.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
