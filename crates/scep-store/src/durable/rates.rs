//! What counts against limits, as cells: the slots of a device, the sub-windows of an allowance.

use scep_types::UnixTime;

use super::cells::{Cell, Row};
use super::records::{AllowanceRecord, DeviceRecord};
use super::working::Record;
use crate::StoreError;
use crate::allowance::Counted;
use crate::ids::Sha256;
use crate::rate::Slot;
use crate::work::TakenAllowance;

/// In front of sub-windows; slots have nothing in front, and 16 octets each like these.
const ALLOWANCE: u8 = b'a';

impl DeviceRecord {
    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        let times = self.slots.iter().flat_map(|slot| [slot.taken, slot.ends]);
        let slots = times.flat_map(|time| time.as_secs().to_be_bytes()).collect();
        vec![Cell::digest(&self.key), Cell::time(self.ends()), Cell::made(slots)]
    }
}

impl AllowanceRecord {
    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        let mut octets = vec![ALLOWANCE];
        for counted in &self.used {
            octets.extend(counted.ends.as_secs().to_be_bytes());
            octets.extend(u64::from(counted.certificates).to_be_bytes());
        }
        vec![Cell::digest(&self.key), Cell::time(self.ends()), Cell::made(octets)]
    }
}

/// A row of the devices.
pub(super) fn read(row: &mut Row<'_>) -> Result<Record, StoreError> {
    let (key, _ends, octets) = (row.digest()?, row.time()?, row.octets()?);
    match octets.split_first() {
        Some((&ALLOWANCE, counted)) if counted.len().is_multiple_of(16) => {
            let used = pairs(counted)?.map(counted_of).collect::<Result<_, _>>()?;
            Ok(Record::Allowance(AllowanceRecord { key, used }))
        }
        _ => {
            let slots = pairs(&octets)?.map(slot_of).collect();
            Ok(Record::Device(DeviceRecord { key, slots }))
        }
    }
}

/// What a reservation took of allowances; nothing if that is none.
pub(super) fn taken_cell(taken: &[TakenAllowance]) -> Cell<'_> {
    if taken.is_empty() {
        return Cell::Null;
    }
    let octets = taken.iter().flat_map(|taken| {
        taken.key.octets().iter().copied().chain(taken.ends.as_secs().to_be_bytes())
    });
    Cell::Octets(octets.collect())
}

pub(super) fn read_taken(row: &mut Row<'_>) -> Result<Vec<TakenAllowance>, StoreError> {
    let octets = row.octets_or_null()?.unwrap_or_default();
    let (all, []) = octets.as_chunks::<40>() else { return Err(StoreError::Poisoned) };
    all.iter().map(|one| taken_of(one).ok_or(StoreError::Poisoned)).collect()
}

fn taken_of(octets: &[u8; 40]) -> Option<TakenAllowance> {
    let (key, ends) = octets.split_first_chunk::<32>()?;
    let ends = i64::from_be_bytes(<[u8; 8]>::try_from(ends).ok()?);
    Some(TakenAllowance { key: Sha256::new(*key), ends: UnixTime::from_secs(ends) })
}

fn pairs(octets: &[u8]) -> Result<impl Iterator<Item = [i64; 2]>, StoreError> {
    let (numbers, []) = octets.as_chunks::<8>() else { return Err(StoreError::Poisoned) };
    let (pairs, []) = numbers.as_chunks::<2>() else { return Err(StoreError::Poisoned) };
    Ok(pairs.iter().map(|pair| pair.map(i64::from_be_bytes)))
}

fn slot_of([taken, ends]: [i64; 2]) -> Slot {
    Slot { taken: UnixTime::from_secs(taken), ends: UnixTime::from_secs(ends) }
}

fn counted_of([ends, certificates]: [i64; 2]) -> Result<Counted, StoreError> {
    let certificates = u32::try_from(certificates).map_err(|_| StoreError::Poisoned)?;
    Ok(Counted { ends: UnixTime::from_secs(ends), certificates })
}
