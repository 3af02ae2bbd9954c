//! Verbs about one-time passwords.
//!
//! The live ones of an endpoint stand on its shelf, one record that each minting writes: so two nodes that mint at once
//! are told apart, and the endpoint's most holds exactly. An enrolment does not touch the shelf, or all enrolments of an
//! endpoint would wait for each other; what the ledger says was used is taken off when the shelf seems full.

use scep_types::UnixTime;

use super::NEVER;
use crate::StoreError;
use crate::durable::records::{Holder, PasswordRecord, ShelfRecord};
use crate::durable::working::{Key, Stop, Verb, Working};
use crate::error::Capacity;
use crate::ids::{EndpointId, Sha256};
use crate::password::{OneTimePassword, Withdrawn};
use crate::time::after;

pub(crate) fn add_password(new: OneTimePassword, most: usize, now: UnixTime) -> Verb<()> {
    let first = vec![Key::Password(new.key), Key::Shelf(new.facts.endpoint.clone())];
    Verb { now, first, plan: Box::new(move |working| working.add_password(&new, most, now)) }
}

pub(crate) fn password(key: Sha256) -> Verb<Option<OneTimePassword>> {
    let plan = move |working: &mut Working| {
        working.need([Key::Password(key)])?;
        Ok(working.passwords.get(&key).map(|found| found.password.clone()))
    };
    Verb { now: NEVER, first: vec![Key::Password(key)], plan: Box::new(plan) }
}

pub(crate) fn list_passwords(endpoint: EndpointId, now: UnixTime) -> Verb<Vec<OneTimePassword>> {
    let first = vec![Key::Shelf(endpoint.clone())];
    Verb { now, first, plan: Box::new(move |working| working.list_passwords(&endpoint, now)) }
}

pub(crate) fn withdraw_password(
    endpoint: EndpointId,
    key: Sha256,
    now: UnixTime,
) -> Verb<Withdrawn> {
    let first = vec![Key::Password(key), Key::Challenge(key), Key::Shelf(endpoint.clone())];
    let plan = move |working: &mut Working| working.withdraw_password(&endpoint, &key, now);
    Verb { now, first, plan: Box::new(plan) }
}

impl Working {
    fn add_password(
        &mut self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), Stop> {
        let endpoint = &new.facts.endpoint;
        self.need([Key::Password(new.key), Key::Shelf(endpoint.clone())])?;
        let there = self.passwords.get(&new.key);
        if there.is_some_and(|found| now < found.ends) {
            return Err(StoreError::DuplicatePassword.into());
        }
        if there.is_none() {
            self.room(Capacity::Passwords)?;
        }
        let mut shelf = self.shelf(endpoint, now);
        if shelf.entries.len() >= most {
            self.need(shelf.entries.iter().map(|entry| Key::Challenge(entry.key)))?;
            shelf.entries.retain(|entry| !self.is_used(&entry.key, now));
        }
        if shelf.entries.len() >= most {
            let what = Capacity::LivePasswords;
            return Err(StoreError::Full { what, limit: most }.into());
        }
        shelf.entries.push(new.shelved());
        self.shelves.put(shelf);
        // As long as its use is remembered, so that a clock that is behind finds both or neither.
        let ends = after(new.facts.expires.plus(self.limits.clock_tolerance));
        self.passwords.put(PasswordRecord { password: new.clone(), ends });
        Ok(())
    }

    fn list_passwords(
        &mut self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, Stop> {
        self.need([Key::Shelf(endpoint.clone())])?;
        let shelf = self.shelf(endpoint, now);
        let keys = shelf.entries.iter().map(|entry| entry.key);
        self.need(keys.clone().flat_map(|key| [Key::Password(key), Key::Challenge(key)]))?;
        let live = keys.filter(|key| !self.is_used(key, now));
        let found = live.filter_map(|key| self.passwords.get(&key));
        Ok(found.map(|found| found.password.clone()).collect())
    }

    fn withdraw_password(
        &mut self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, Stop> {
        self.need([Key::Password(*key), Key::Challenge(*key), Key::Shelf(endpoint.clone())])?;
        let found = self.passwords.get(key).map(|found| &found.password);
        if !found.is_some_and(|found| found.facts.endpoint == *endpoint && found.is_open(now)) {
            return Ok(Withdrawn::Unknown);
        }
        if self.is_used(key, now) {
            return Ok(Withdrawn::Used);
        }
        self.passwords.change(key, |found| found.password.withdrawn = Some(now));
        let mut shelf = self.shelf(endpoint, now);
        shelf.entries.retain(|entry| entry.key != *key);
        if shelf.entries.is_empty() {
            self.shelves.remove(endpoint);
        } else {
            self.shelves.put(shelf);
        }
        Ok(Withdrawn::Now)
    }

    /// What the shelf holds that has not expired.
    fn shelf(&self, endpoint: &EndpointId, now: UnixTime) -> ShelfRecord {
        let found = self.shelves.get(endpoint);
        let entries = found.map_or(&[][..], |shelf| &shelf.entries);
        let live = entries.iter().filter(|entry| now < entry.expires);
        ShelfRecord { endpoint: endpoint.clone(), entries: live.copied().collect() }
    }

    fn is_used(&self, key: &Sha256, now: UnixTime) -> bool {
        let challenge = self.challenges.get(key).filter(|challenge| now < challenge.ends);
        challenge.is_some_and(|found| matches!(found.holder, Holder::Certificate { .. }))
    }
}
