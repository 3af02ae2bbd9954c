//! What a request takes of the allowances of its endpoint and of all, and gives back.

use scep_types::UnixTime;

use crate::StoreError;
use crate::allowance::{decide, give_back, take};
use crate::answer::Begun;
use crate::durable::records::AllowanceRecord;
use crate::durable::working::{Key, Stop, Working};
use crate::error::Capacity;
use crate::rate::RateDecision;
use crate::request::Begin;
use crate::work::TakenAllowance;

impl Working {
    /// The refusal of the first allowance that is used up.
    pub(super) fn used_up(&self, begin: &Begin, now: UnixTime) -> Result<Option<Begun>, Stop> {
        self.need(begin.allowances().map(|(_, allowance)| Key::Allowance(allowance.key())))?;
        for (by, allowance) in begin.allowances() {
            let used = self.allowances.get(&allowance.key());
            let used = used.map_or(&[][..], |record| &record.used);
            if let RateDecision::Refuse { retry_after } = decide(used, allowance, now) {
                return Ok(Some(Begun::RateLimited { by, retry_after }));
            }
        }
        Ok(None)
    }

    pub(super) fn room_for_allowances(&self, begin: &Begin) -> Result<(), StoreError> {
        let unknown = |key| self.allowances.get(&key).is_none();
        match begin.allowances().any(|(_, allowance)| unknown(allowance.key())) {
            true => self.room(Capacity::Devices),
            false => Ok(()),
        }
    }

    pub(super) fn take_allowances(&mut self, begin: &Begin, now: UnixTime) -> Vec<TakenAllowance> {
        let mut taken = Vec::new();
        for (_, allowance) in begin.allowances() {
            let key = allowance.key();
            let used = self.allowances.get(&key).map_or(&[][..], |record| &record.used);
            let (used, ends) = take(used, allowance, now);
            self.allowances.put(AllowanceRecord { key, used });
            taken.push(TakenAllowance { key, ends });
        }
        taken
    }

    /// What the reservation of a transaction took.
    pub(super) fn taken_allowances(&self, id: u64) -> Vec<TakenAllowance> {
        let work = self.transactions.get(&id).and_then(|entry| entry.work.as_ref());
        work.map(|work| work.allowances.clone()).unwrap_or_default()
    }

    /// Gives back what was taken of allowances that are loaded.
    pub(super) fn give_allowances_back(&mut self, taken: &[TakenAllowance]) {
        for TakenAllowance { key, ends } in taken {
            let Some(record) = self.allowances.get(key) else { continue };
            let used = give_back(&record.used, *ends);
            match used.is_empty() {
                true => self.allowances.remove(key),
                false => self.allowances.put(AllowanceRecord { key: *key, used }),
            }
        }
    }
}
