//! What a request takes of the allowances of its endpoint and of all, and gives back.

use scep_types::UnixTime;

use super::entries::Used;
use super::state::{State, room};
use crate::StoreError;
use crate::allowance::{Counted, decide, give_back, take};
use crate::answer::Begun;
use crate::error::Capacity;
use crate::ids::Sha256;
use crate::rate::RateDecision;
use crate::request::Begin;
use crate::work::TakenAllowance;

impl State {
    /// The refusal of the first allowance that is used up.
    pub(super) fn used_up(&self, begin: &Begin, now: UnixTime) -> Option<Begun> {
        begin.allowances().find_map(|(by, allowance)| {
            match decide(self.used(&allowance.key()), allowance, now) {
                RateDecision::Admit => None,
                RateDecision::Refuse { retry_after } => {
                    Some(Begun::RateLimited { by, retry_after })
                }
            }
        })
    }

    pub(super) fn room_for_allowances(
        &mut self,
        begin: &Begin,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let unknown = |key| self.allowances.find(&key).is_none();
        match begin.allowances().any(|(_, allowance)| unknown(allowance.key())) {
            true => room(&mut self.allowances, Capacity::Devices, now),
            false => Ok(()),
        }
    }

    pub(super) fn take_allowances(&mut self, begin: &Begin, now: UnixTime) -> Vec<TakenAllowance> {
        let mut taken = Vec::new();
        for (_, allowance) in begin.allowances() {
            let key = allowance.key();
            let (used, ends) = take(self.used(&key), allowance, now);
            self.set_used(key, used);
            taken.push(TakenAllowance { key, ends });
        }
        taken
    }

    pub(super) fn give_allowances_back(&mut self, taken: &[TakenAllowance]) {
        for TakenAllowance { key, ends } in taken {
            let used = give_back(self.used(key), *ends);
            self.set_used(*key, used);
        }
    }

    fn used(&self, key: &Sha256) -> &[Counted] {
        self.allowances.find_entry(key).map_or(&[], |entry| &entry.used)
    }

    fn set_used(&mut self, key: Sha256, used: Vec<Counted>) {
        match self.allowances.find(&key) {
            Some(at) if used.is_empty() => {
                self.allowances.remove(at);
            }
            Some(at) => {
                self.allowances.update(at, |entry| entry.used = used);
            }
            None if used.is_empty() => {}
            None => {
                self.allowances.insert(Used { key, used });
            }
        }
    }
}
