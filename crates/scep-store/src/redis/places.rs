//! Where certificates stand among those of their key and of their device: members of one sorted set, in the order of octets.

use scep_types::UnixTime;

use crate::StoreError;
use crate::certificate::IssuedCertificate;
use crate::ids::{CertificateId, SerialNumber};
use crate::lookup::{CertificatePage, CertificatePlace, CertificatesOf};

/// The places of a certificate.
pub(super) fn of(issued: &IssuedCertificate) -> Vec<Vec<u8>> {
    let device = issued.certificate.device.clone().map(CertificatesOf::Device);
    let found_by = [CertificatesOf::Key(issued.certificate.subject_key)].into_iter().chain(device);
    let within = within(&CertificatePlace::of(issued));
    found_by.map(|of| [prefix(&of), within.clone()].concat()).collect()
}

/// The lexicographic range of a page, from its newest to its oldest.
pub(super) fn range(of: &CertificatesOf, page: &CertificatePage) -> [Vec<u8>; 2] {
    // No place has so many octets.
    let before = page.place().map_or(vec![0xFF; 96], |place| within(&place));
    let prefix = prefix(of);
    [[b"(", prefix.as_slice(), &before].concat(), [b"[", prefix.as_slice()].concat()]
}

/// The rest of the range behind a member.
pub(super) fn after(member: &[u8]) -> Vec<u8> {
    [b"(", member].concat()
}

/// Under which field the certificate of a member is found.
pub(super) fn field(of: &CertificatesOf, member: &[u8]) -> Result<Vec<u8>, StoreError> {
    let id = member.get(prefix(of).len().saturating_add(TIME)..);
    id.map(<[u8]>::to_vec).ok_or(StoreError::Poisoned)
}

/// Octets of a time.
const TIME: usize = 8;

fn prefix(of: &CertificatesOf) -> Vec<u8> {
    match of {
        CertificatesOf::Key(key) => [b"k", key.octets().as_slice()].concat(),
        CertificatesOf::Device(name) => {
            let mut prefix = vec![b'd'];
            put(&mut prefix, name.as_str().as_bytes());
            prefix
        }
    }
}

fn within(place: &CertificatePlace) -> Vec<u8> {
    let CertificateId { issuer, serial } = &place.id;
    let id = [issuer.octets().as_slice(), serial.content()];
    [ordered(place.issued_at).as_slice(), id.concat().as_slice()].concat()
}

/// Negative times come first.
fn ordered(time: UnixTime) -> [u8; TIME] {
    (time.as_secs() ^ i64::MIN).to_be_bytes()
}

fn put(octets: &mut Vec<u8>, value: &[u8]) {
    // Names and places have far fewer octets.
    octets.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    octets.extend(value);
}

const _: () = assert!(TIME + 32 + SerialNumber::MAX_OCTETS < 96);
