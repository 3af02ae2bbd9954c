//! One-time passwords as cells of a row, and back.

use scep_types::UnixTime;

use super::cells::{Cell, Row};
use super::records::{PasswordRecord, ShelfRecord};
use crate::StoreError;
use crate::ids::{EndpointId, Operator, Sha256};
use crate::password::{
    OneTimePassword, PasswordBinding, PasswordFacts, PasswordId, PasswordVerifier, SealedPassword,
    Shelved,
};

impl PasswordRecord {
    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        let OneTimePassword { key, facts, verifier, sealed, withdrawn } = &self.password;
        vec![
            Cell::digest(key),
            Cell::time(self.ends),
            Cell::text(facts.id.as_str()),
            Cell::text(facts.endpoint.as_str()),
            Cell::octets(&verifier.salt),
            Cell::digest(&verifier.hash),
            Cell::time(facts.minted_at),
            Cell::time(facts.expires),
            Cell::text(facts.minted_by.as_str()),
            Cell::made(facts.binding.encoded()),
            Cell::or_null(*withdrawn, Cell::time),
            Cell::or_null(sealed.as_ref(), |sealed| Cell::octets(sealed.octets())),
        ]
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        let (key, ends) = (row.digest()?, row.time()?);
        let (id, endpoint) = (PasswordId::new(&row.text()?)?, EndpointId::new(&row.text()?)?);
        let salt = row.octets()?.try_into().map_err(|_| StoreError::Poisoned)?;
        let verifier = PasswordVerifier { salt, hash: row.digest()? };
        let facts = PasswordFacts {
            id,
            endpoint,
            minted_at: row.time()?,
            expires: row.time()?,
            minted_by: Operator::new(&row.text()?)?,
            binding: PasswordBinding::decoded(&row.octets()?)?,
        };
        let withdrawn = row.time_or_null()?;
        let sealed = row.octets_or_null()?.map(|octets| SealedPassword::new(&octets));
        let sealed = sealed.transpose().map_err(|_| StoreError::Poisoned)?;
        Ok(Self { password: OneTimePassword { key, facts, verifier, sealed, withdrawn }, ends })
    }
}

impl ShelfRecord {
    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        let entry = |entry: &Shelved| {
            let expires = entry.expires.as_secs().to_be_bytes();
            [entry.key.octets().as_slice(), &expires].concat()
        };
        let entries = self.entries.iter().flat_map(entry).collect();
        vec![Cell::text(self.endpoint.as_str()), Cell::time(self.ends()), Cell::Octets(entries)]
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<Self, StoreError> {
        let (endpoint, _ends) = (EndpointId::new(&row.text()?)?, row.time()?);
        let octets = row.octets()?;
        let (entries, []) = octets.as_chunks::<40>() else { return Err(StoreError::Poisoned) };
        let entry = |octets: &[u8; 40]| {
            let (key, expires) = octets.split_first_chunk::<32>()?;
            let expires = i64::from_be_bytes(expires.try_into().ok()?);
            Some(Shelved { key: Sha256::new(*key), expires: UnixTime::from_secs(expires) })
        };
        let entries = entries.iter().map(entry).collect::<Option<_>>();
        Ok(Self { endpoint, entries: entries.ok_or(StoreError::Poisoned)? })
    }
}
