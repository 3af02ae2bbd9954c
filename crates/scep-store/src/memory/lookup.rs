//! Certificates by key and by device.

use std::collections::BTreeSet;

use scep_types::UnixTime;

use super::state::State;
use crate::certificate::IssuedCertificate;
use crate::ids::{CertificateId, SerialNumber, Sha256};
use crate::lookup::{CertificatePage, CertificatePlace, CertificatesOf};

/// An entry for each thing by which a certificate is found; certificates and entries come and go together.
#[derive(Default)]
pub(super) struct Index(BTreeSet<(CertificatesOf, CertificatePlace)>);

impl Index {
    pub(super) fn insert(&mut self, issued: &IssuedCertificate) {
        let place = CertificatePlace::of(issued);
        self.0.extend(found_by(issued).map(|of| (of, place)));
    }

    pub(super) fn remove(&mut self, issued: &IssuedCertificate) {
        let place = CertificatePlace::of(issued);
        for of in found_by(issued) {
            self.0.remove(&(of, place));
        }
    }

    /// Those before a place, newest first.
    fn before(
        &self,
        of: &CertificatesOf,
        place: CertificatePlace,
    ) -> impl Iterator<Item = CertificateId> {
        let range = (of.clone(), FIRST)..(of.clone(), place);
        self.0.range(range).rev().map(|(_, place)| place.id)
    }
}

impl State {
    pub(super) fn certificates_of(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Vec<IssuedCertificate> {
        let found = self.index.before(of, page.place().unwrap_or(LAST));
        let entries = found.filter_map(|id| self.certificates.find_entry(&id));
        let live = entries.filter(|entry| now < entry.ends);
        live.take(page.most()).map(|entry| entry.issued.clone()).collect()
    }
}

fn found_by(issued: &IssuedCertificate) -> impl Iterator<Item = CertificatesOf> + use<> {
    let device = issued.certificate.device.clone().map(CertificatesOf::Device);
    [CertificatesOf::Key(issued.certificate.subject_key)].into_iter().chain(device)
}

/// Before all places there are.
const FIRST: CertificatePlace = CertificatePlace {
    issued_at: UnixTime::from_secs(i64::MIN),
    id: CertificateId { issuer: Sha256::new([0; 32]), serial: SerialNumber::FIRST },
};

/// After all places there are.
const LAST: CertificatePlace = CertificatePlace {
    issued_at: UnixTime::from_secs(i64::MAX),
    id: CertificateId { issuer: Sha256::new([0xFF; 32]), serial: SerialNumber::LAST },
};
