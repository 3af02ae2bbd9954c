//! Deciding before reading: a verb runs on what its node believes, and what it writes compares whether that was true.
//!
//! A new request finds nothing, and whoever settles a reservation finds what its node wrote when it reserved. So the common
//! verbs need no reading; a belief that is wrong costs one round trip, never an error.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::group::Writer;
use super::lane::Lane;
use super::prints::{Print, PrintSet, Prints};
use super::working::{Change, Key, Occupancy, Record, Stop, Verb, Working};
use super::{Care, ROUNDS, fresh};
use crate::{StoreError, StoreLimits};

/// Verbs that are decided without reading, and written together.
pub(crate) struct Shortcut {
    beliefs: Beliefs,
    /// Of what a crash may take back; it waits for no flush, and not for those that do either.
    passing: Arc<Lane>,
    lasting: Arc<Lane>,
}

impl Shortcut {
    pub(crate) fn new() -> Self {
        let passing = Lane::new(Care::Passing);
        let lasting = Lane::after(&passing, Care::Lasting);
        Self { beliefs: Beliefs::default(), passing, lasting }
    }

    /// What a verb answers; `None` if it must read, or was overtaken.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it is unknown whether it stands.
    pub(crate) async fn take<T>(
        &self,
        writer: &Arc<impl Writer>,
        verb: &Verb<T>,
        care: Care,
        (limits, occupancy): (StoreLimits, Occupancy),
    ) -> Result<Option<T>, StoreError> {
        let lane = match care {
            Care::Reads => return Ok(None),
            Care::Passing => &self.passing,
            Care::Lasting => &self.lasting,
        };
        let guess = self.beliefs.guess(verb, limits, occupancy)?;
        let Some(Guess { answer, changes }) = guess else { return Ok(None) };
        let (prints, changes) = (self.beliefs.prints.of_all(&changes), Arc::new(changes));
        if !lane.write(writer, &changes, &prints).await? {
            return Ok(None);
        }
        // Whoever wrote them has let go of them.
        self.beliefs.note(Arc::into_inner(changes).unwrap_or_default(), &prints);
        Ok(Some(answer))
    }

    /// What changes that stand mean for the next verbs.
    pub(crate) fn note(&self, changes: Vec<Change>) {
        let prints = self.beliefs.prints.of_all(&changes);
        self.beliefs.note(changes, &prints);
    }
}

/// What a node wrote for the reservations that it handed out.
#[derive(Default)]
struct Beliefs {
    reservations: Mutex<Reservations>,
    prints: Prints,
}

#[derive(Default)]
struct Reservations {
    by_id: HashMap<u64, Vec<Record>>,
    /// The oldest in front; those that were settled may still be among them.
    order: VecDeque<u64>,
    /// Records that were there lately, and a while before: who asks for one of them must read.
    lately: PrintSet,
    before: PrintSet,
}

/// What a verb answers if all it was decided on is true, which its changes say in full.
struct Guess<T> {
    answer: T,
    changes: Vec<Change>,
}

/// What is believed about the records of one verb.
enum Believed {
    /// There are none of them.
    Nothing,
    /// These are as they were written, and what follows from a reservation is not there yet.
    Reserved(Vec<Record>),
}

/// Reservations, and keys, that are remembered: a few MB at most.
const REMEMBERED: usize = 4_096;
impl Beliefs {
    /// Decides a verb on what is believed; `None` if too little is, or if not all of it would be compared.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] without random numbers.
    fn guess<T>(
        &self,
        verb: &Verb<T>,
        limits: StoreLimits,
        occupancy: Occupancy,
    ) -> Result<Option<Guess<T>>, StoreError> {
        let Some(believed) = self.about(verb) else { return Ok(None) };
        Ok(believed.decide(verb, Working::new(limits, occupancy, fresh()?)))
    }

    /// Remembers the reservation that these changes made, or forgets the one they ended.
    fn note(&self, changes: Vec<Change>, prints: &[Print]) {
        let transaction = changes.iter().find_map(|change| match (&change.before, &change.after) {
            (_, Some(Record::Transaction(found))) => Some((found.id, found.work.is_some())),
            (Some(Record::Transaction(found)), None) => Some((found.id, false)),
            _ => None,
        });
        let mut reservations = self.reservations();
        reservations.see(prints);
        match transaction {
            Some((id, true)) => reservations.remember(id, written(changes)),
            Some((id, false)) => drop(reservations.by_id.remove(&id)),
            None => {}
        }
    }

    fn about<T>(&self, verb: &Verb<T>) -> Option<Believed> {
        match verb.first.first()? {
            Key::Transaction(_) => {
                let mut prints = verb.first.iter().map(|key| self.prints.of(key));
                let reservations = self.reservations();
                prints.all(|print| !reservations.has_seen(print)).then_some(Believed::Nothing)
            }
            // A reservation is used up once.
            Key::TransactionById(id) => {
                self.reservations().by_id.remove(id).map(Believed::Reserved)
            }
            _ => None,
        }
    }

    /// What is believed may be wrong anyway.
    fn reservations(&self) -> MutexGuard<'_, Reservations> {
        self.reservations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservations {
    fn see(&mut self, prints: &[Print]) {
        for print in prints {
            if print.stays {
                self.lately.insert(print.key);
            } else {
                self.lately.remove(&print.key);
                self.before.remove(&print.key);
            }
        }
        if self.lately.len() >= 4 * REMEMBERED {
            std::mem::swap(&mut self.lately, &mut self.before);
            self.lately.clear();
        }
    }

    fn has_seen(&self, print: u64) -> bool {
        self.lately.contains(&print) || self.before.contains(&print)
    }

    fn remember(&mut self, id: u64, records: Vec<Record>) {
        self.by_id.insert(id, records);
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

impl Believed {
    fn decide<T>(mut self, verb: &Verb<T>, mut working: Working) -> Option<Guess<T>> {
        let mut wanted = verb.first.clone();
        for _ in 0..ROUNDS {
            for key in wanted {
                let record = self.take(&key)?;
                working.load(key, record).ok()?;
            }
            match working.run(&verb.plan) {
                Err(Stop::Missing(keys)) => wanted = keys,
                // Who refuses must know, not believe.
                Err(Stop::Refused(_)) => return None,
                Ok(answer) => {
                    let is_checked = working.changes_all();
                    return is_checked.then(|| Guess { answer, changes: working.into_changes() });
                }
            }
        }
        None
    }

    /// The record that is believed to be there, or that none is; `None` if nothing is known. Nobody looks for one twice.
    fn take(&mut self, key: &Key) -> Option<Option<Record>> {
        let Self::Reserved(records) = self else { return Some(None) };
        let place = records.iter().position(|record| match (record, key) {
            (Record::Transaction(found), Key::TransactionById(id)) => found.id == *id,
            (Record::Challenge(found), Key::Challenge(key)) => found.key == *key,
            (Record::Device(found), Key::Device(key)) => found.key == *key,
            _ => false,
        });
        let follows = matches!(key, Key::Certificate(_) | Key::Unsent(_) | Key::Queued(_));
        let known = place.map(|place| records.swap_remove(place));
        if known.is_none() && !follows { None } else { Some(known) }
    }
}

/// The records that whoever settles a reservation needs; none of them holds a CSR or another secret.
fn written(changes: Vec<Change>) -> Vec<Record> {
    let after = changes.into_iter().filter_map(|change| change.after);
    let of_reservation = |record: &Record| {
        matches!(record, Record::Transaction(_) | Record::Challenge(_) | Record::Device(_))
    };
    after.filter(of_reservation).collect()
}
