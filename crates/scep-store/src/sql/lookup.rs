//! Certificates by key and by device, a page at a time.

use scep_types::UnixTime;

use super::columns;
use crate::durable::{Cell, Table};
use crate::ids::{SerialNumber, Sha256};
use crate::lookup::{CertificatePage, CertificatesOf};

/// The statement of a page, and its parameters. Each page is a range of an index that is read backwards.
pub(crate) fn page(
    of: &CertificatesOf,
    page: &CertificatePage,
    now: UnixTime,
) -> (String, [Cell<'static>; 6]) {
    let (column, wanted) = match of {
        CertificatesOf::Key(key) => ("subject_key", Cell::digest(key)),
        CertificatesOf::Device(name) => ("device", Cell::text(name.as_str())),
    };
    let sql = format!(
        "SELECT {} FROM certificates WHERE {column} = $1 AND ends > $2 \
         AND (issued_at, issuer, serial) < ($3, $4, $5) \
         ORDER BY issued_at DESC, issuer DESC, serial DESC LIMIT $6",
        columns(Table::Certificates)
    );
    let (place, last) = (page.place(), Sha256::new([0xFF; 32]));
    let [issued_at, issuer, serial] = match &place {
        Some(place) => [
            Cell::time(place.issued_at),
            Cell::digest(&place.id.issuer),
            Cell::octets(place.id.serial.content()),
        ],
        // After all certificates there are.
        None => [
            Cell::Integer(i64::MAX),
            Cell::digest(&last),
            Cell::octets(SerialNumber::LAST.content()),
        ],
    };
    let most = Cell::number(page.most() as u64);
    let cells = [wanted, Cell::time(now), issued_at, issuer, serial, most];
    (sql, cells.map(Cell::into_owned))
}
