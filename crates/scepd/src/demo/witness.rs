//! Overhears what the server decides, since a device learns only a failInfo.

use std::sync::{Mutex, PoisonError};

use scep_server::{Decision, Observer, Outcome};

/// Keeps the newest decision, in words.
#[derive(Debug, Default)]
pub(super) struct Witness(Mutex<Option<Heard>>);

/// A decision in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// The stable label of the outcome or, if there is one, of the reason.
    pub(super) label: &'static str,
    /// The code by which the Intune service decided against it.
    pub(super) service_code: Option<String>,
    /// What the log says.
    pub(super) words: String,
}

impl Witness {
    /// The decision about the request that was just answered.
    pub(super) fn take(&self) -> Option<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Observer for Witness {
    fn decided(&self, decision: &Decision<'_>) {
        let label =
            decision.outcome.error().map_or(decision.outcome.label(), |error| error.label());
        let words = match decision.outcome {
            Outcome::Issued { certificate, basis } => {
                format!("issued {} by {}", certificate.serial_hex(), basis.label())
            }
            Outcome::Repeated { certificate } => format!("repeated {}", certificate.serial_hex()),
            outcome => match outcome.error() {
                Some(error) => format!("{label}: {error}"),
                None => outcome.label().to_owned(),
            },
        };
        let words = match decision.activity_id.map(|id| id.to_string()) {
            Some(id) if !words.contains(&id) => format!("{words} (activity {id})"),
            _ => words,
        };
        let service_code = decision.service_code.map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Heard { label, service_code, words });
    }
}
