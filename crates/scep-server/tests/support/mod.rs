//! A server with its CA, RA and store, a clock that stands, and devices that ask it for certificates over HTTP.

pub(crate) mod crash;
pub(crate) mod device;
pub(crate) mod faults;
pub(crate) mod forge;
pub(crate) mod intune;
pub(crate) mod pki;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{CryptoProvider, UnixTime};

/// 2026-11-21T00:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn provider() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

/// The private key in `testdata/keys/<name>.pem`, read once: checking an RSA key takes longer than using it.
pub(crate) fn key(name: &str) -> Arc<SoftwareKey> {
    static KEYS: Mutex<BTreeMap<String, Arc<SoftwareKey>>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap();
    let load = || Arc::new(SoftwareKey::from_pkcs8_pem(&key_pem(name)).unwrap());
    keys.entry(name.to_owned()).or_insert_with(load).clone()
}

pub(crate) fn key_pem(name: &str) -> String {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn random<const OCTETS: usize>() -> [u8; OCTETS] {
    let mut drawn = [0; OCTETS];
    provider().random.fill(&mut drawn).unwrap();
    drawn
}
