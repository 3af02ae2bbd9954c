//! Verbs about one-time passwords.

use scep_types::UnixTime;

use super::entries::{Holder, Password};
use super::state::{State, room};
use crate::StoreError;
use crate::error::{Argument, Capacity, within};
use crate::ids::{EndpointId, Sha256};
use crate::password::{MAX_LIVE_PASSWORDS, OneTimePassword, Withdrawn};
use crate::time::after;

impl State {
    pub(super) fn add_password(
        &mut self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        within(Argument::LivePasswords, most as u64, 1, MAX_LIVE_PASSWORDS as u64)?;
        match self.passwords.find(&new.key) {
            Some(at) if self.passwords.get(at).is_some_and(|found| found.ends <= now) => {
                self.passwords.remove(at);
            }
            Some(_) => return Err(StoreError::DuplicatePassword),
            None => room(&mut self.passwords, Capacity::Passwords, now)?,
        }
        if self.clear_shelf(&new.facts.endpoint, most, now) >= most {
            return Err(StoreError::Full { what: Capacity::LivePasswords, limit: most });
        }
        let shelf = self.shelves.entry(new.facts.endpoint.clone()).or_default();
        shelf.push(new.shelved());
        // As long as its use is remembered.
        let ends = after(new.facts.expires.plus(self.limits.clock_tolerance));
        let entry = Password { password: new.clone(), ends };
        self.passwords.insert(entry).map(drop).ok_or(StoreError::Poisoned)
    }

    pub(super) fn password(&self, key: &Sha256) -> Option<OneTimePassword> {
        self.passwords.find_entry(key).map(|found| found.password.clone())
    }

    pub(super) fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Vec<OneTimePassword> {
        let shelf = self.shelves.get(endpoint).map(Vec::as_slice).unwrap_or_default();
        let live =
            shelf.iter().filter(|entry| now < entry.expires && !self.is_used(&entry.key, now));
        let found = live.filter_map(|entry| self.passwords.find_entry(&entry.key));
        found.map(|found| found.password.clone()).collect()
    }

    pub(super) fn withdraw_password(
        &mut self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Withdrawn {
        let Some(at) = self.passwords.find(key) else { return Withdrawn::Unknown };
        let found = self.passwords.get(at).map(|found| &found.password);
        if !found.is_some_and(|found| found.facts.endpoint == *endpoint && found.is_open(now)) {
            return Withdrawn::Unknown;
        }
        if self.is_used(key, now) {
            return Withdrawn::Used;
        }
        self.passwords.update(at, |found| found.password.withdrawn = Some(now));
        if let Some(shelf) = self.shelves.get_mut(endpoint) {
            shelf.retain(|entry| entry.key != *key);
        }
        Withdrawn::Now
    }

    /// How many of an endpoint's passwords can still be used; what was used is looked for only when the shelf seems full.
    fn clear_shelf(&mut self, endpoint: &EndpointId, most: usize, now: UnixTime) -> usize {
        let Some(mut shelf) = self.shelves.remove(endpoint) else { return 0 };
        shelf.retain(|entry| now < entry.expires);
        if shelf.len() >= most {
            shelf.retain(|entry| !self.is_used(&entry.key, now));
        }
        let live = shelf.len();
        self.shelves.insert(endpoint.clone(), shelf);
        live
    }

    fn is_used(&self, key: &Sha256, now: UnixTime) -> bool {
        let challenge = self.challenges.find_entry(key).filter(|challenge| now < challenge.ends);
        challenge.is_some_and(|found| matches!(found.holder, Holder::Certificate(_)))
    }
}
