//! What has ended goes. Each write appends one entry to each slot of time in which something that it wrote ends: that costs the
//! same however many there are, and a slot that lies in the past is emptied as a whole. A record that ends at another time by
//! now has an entry there, so the older one means nothing.

use std::collections::BTreeSet;

use scep_types::UnixTime;

use super::batch::Batch;
use super::encoding::Encoding;
use super::keys::Place;
use super::{Shared, encoding};
use crate::StoreError;
use crate::durable::{Care, Change, Changes, Table};

/// Seconds of a slot.
const SLOT: i64 = 256;
/// Slots that are looked at at a time, the oldest first.
const SLOTS: usize = 8;
/// Entries of a slot that are looked at at a time, the oldest first, and about how many records of them.
const ENTRIES: usize = 128;
const RECORDS: usize = 256;

/// Which slots are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slots {
    /// Those in which everything has ended.
    Past,
    /// The present one too, although most of it may be live: room is needed.
    Present,
}

/// A record: its table and its field.
type Noted = (Table, Vec<u8>);

/// What one write adds to a slot: records, each as its length, its table and its field.
#[derive(Default)]
pub(super) struct SlotEntry(Vec<u8>);

impl SlotEntry {
    pub(super) fn push(&mut self, table: Table, field: &[u8]) {
        let length = u16::try_from(field.len()).unwrap_or(u16::MAX); // they have far fewer octets
        self.0.extend(length.to_be_bytes());
        self.0.push(encoding::kind(table));
        self.0.extend(field);
    }

    /// With a mark in front, so that an entry is taken away only by who looked at that very one.
    pub(super) fn octets(self, mark: u64) -> Vec<u8> {
        [mark.to_be_bytes().as_slice(), &self.0].concat()
    }

    /// The records of an entry.
    fn read(octets: &[u8]) -> Option<Vec<Noted>> {
        let (_, mut rest) = octets.split_first_chunk::<8>()?;
        let mut records = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (kind, after) = after.split_first()?;
            let (field, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            records.push((encoding::table(*kind)?, field.to_vec()));
            rest = after;
        }
        Some(records)
    }
}

/// The slot of a moment, in seconds since 1970.
pub(super) const fn slot_of(seconds: i64) -> i64 {
    seconds.div_euclid(SLOT)
}

impl Shared {
    /// Removes some of what has ended by now.
    pub(super) async fn purge(&self, slots: Slots, now: UnixTime) -> Result<(), StoreError> {
        let present = slot_of(now.as_secs());
        let last = match slots {
            Slots::Past => format!("({present}"),
            Slots::Present => present.to_string(),
        };
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command
            .arg(self.keys.of(Place::Slots))
            .arg("-inf")
            .arg(last)
            .arg("LIMIT")
            .arg(0)
            .arg(SLOTS);
        let slots: Vec<i64> = self.ask(&command).await?;
        for slot in slots {
            self.purge_slot(slot, now).await?;
        }
        Ok(())
    }

    async fn purge_slot(&self, slot: i64, now: UnixTime) -> Result<(), StoreError> {
        let entries = self.oldest_entries(slot).await?;
        if entries.is_empty() {
            return self.drop_slot(slot).await;
        }
        let (mut noted, mut seen) = (BTreeSet::new(), Vec::new());
        for entry in entries {
            noted.extend(SlotEntry::read(&entry).ok_or(StoreError::Poisoned)?);
            seen.push(entry);
            if noted.len() >= RECORDS {
                break;
            }
        }
        let (ended, live) = self.ended_and_live(noted, slot, now).await?;
        let mut batch = Batch::of(&[Changes::new(ended)], Care::Lasting);
        seen.into_iter().for_each(|entry| batch.remove_entry(slot, entry));
        live.into_iter().for_each(|(table, field)| batch.join(slot, table, &field));
        // If another changed one of them, the next purge finds what this one left.
        self.call(batch, None).await.map(drop)
    }

    /// Which of the records that a slot notes go, and which end in it later.
    async fn ended_and_live(
        &self,
        noted: BTreeSet<Noted>,
        slot: i64,
        now: UnixTime,
    ) -> Result<(Vec<Change>, Vec<Noted>), StoreError> {
        let (mut ended, mut live) = (Vec::new(), Vec::new());
        for table in Table::ALL {
            let fields = noted.iter().filter(|(of, _)| *of == table);
            let fields: Vec<Vec<u8>> = fields.map(|(_, field)| field.clone()).collect();
            let records = self.values(table, &fields).await?;
            for (field, record) in fields.into_iter().zip(records) {
                match record.map(|record| (Encoding::of(&record).ends(), record)) {
                    Some((ends, record)) if ends <= now.as_secs() => {
                        ended.push(Change { before: Some(record), after: None });
                    }
                    Some((ends, _)) if slot_of(ends) == slot => live.push((table, field)),
                    _ => {} // it ends at another time by now, or is gone
                }
            }
        }
        Ok((ended, live))
    }

    async fn oldest_entries(&self, slot: i64) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("LRANGE");
        command.arg(self.keys.of(Place::Slot(slot))).arg(0).arg(ENTRIES.saturating_sub(1));
        self.ask(&command).await
    }

    /// Forgets a slot that is empty.
    async fn drop_slot(&self, slot: i64) -> Result<(), StoreError> {
        let mut call = self.scripts.drop_slot.prepare_invoke();
        call.key(self.keys.of(Place::Slots)).key(self.keys.of(Place::Slot(slot))).arg(slot);
        let _: u8 =
            call.invoke_async(&mut self.connection.clone()).await.map_err(super::unavailable)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_the_records_it_was_made_of_and_nothing_else_is_one() {
        let mut entry = SlotEntry::default();
        let records = [
            (Table::Challenges, vec![7; 32]),
            (Table::Shelves, Vec::new()),
            (Table::Certificates, vec![9; 52]),
        ];
        records.iter().for_each(|(table, field)| entry.push(*table, field));
        let octets = entry.octets(0x0102);
        assert_eq!(octets[..8], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(SlotEntry::read(&octets), Some(records.to_vec()));
        assert_eq!(SlotEntry::read(&octets[..8]), Some(Vec::new()));
        for cut in (0..8).chain(11..octets.len()) {
            let read = SlotEntry::read(&octets[..cut]);
            let whole = |read: &Vec<_>| records.starts_with(read) && read.len() < records.len();
            assert!(read.as_ref().is_none_or(whole), "{cut}: {read:?}");
        }
        let unknown = [&[0; 8][..], &[0, 1, 99, 5]].concat();
        assert_eq!(SlotEntry::read(&unknown), None);
    }
}
