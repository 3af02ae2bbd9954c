//! What has ended goes. Records stand in slots by when they end: joining one costs the same however many there are, and a
//! slot that lies in the past is emptied as a whole.

use scep_types::UnixTime;

use super::batch::Batch;
use super::keys::Place;
use super::{Shared, encoding};
use crate::StoreError;
use crate::durable::{Care, Change, Changes, Table};

/// Seconds of a slot.
const SLOT: i64 = 256;
/// Slots that are looked at at a time, the oldest first.
const SLOTS: usize = 8;
/// Members of a slot that are looked at at a time.
const MEMBERS: usize = 256;

/// Which slots are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slots {
    /// Those in which everything has ended.
    Past,
    /// The present one too, although most of it may be live: room is needed.
    Present,
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
        let mut command = redis::cmd("SRANDMEMBER");
        command.arg(self.keys.of(Place::Slot(slot))).arg(MEMBERS);
        let members: Vec<Vec<u8>> = self.ask(&command).await?;
        if members.is_empty() {
            return self.drop_slot(slot).await;
        }
        let mut ended = Vec::new();
        let mut strangers = Vec::new();
        for table in Table::ALL {
            let fields = members.iter().filter_map(|member| encoding::of_member(member));
            let fields = fields.filter(|(of, _)| *of == table);
            let fields: Vec<Vec<u8>> = fields.map(|(_, field)| field.to_vec()).collect();
            for (field, record) in fields.iter().zip(self.values(table, &fields).await?) {
                match record.map(|record| (encoding::encode(&record).ends, record)) {
                    Some((ends, record)) if ends <= now.as_secs() => {
                        ended.push(Change { before: Some(record), after: None });
                    }
                    Some((ends, _)) if slot_of(ends) == slot => {}
                    // It ends at another time by now, or is gone.
                    _ => strangers.push(encoding::member(table, field)),
                }
            }
        }
        let mut batch = Batch::of(&[Changes::new(ended)], Care::Lasting);
        strangers.into_iter().for_each(|member| batch.leave(slot, member));
        // If another changed one of them, the next purge finds what this one left.
        self.call(batch.call(&self.keys, None)).await.map(drop)
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
