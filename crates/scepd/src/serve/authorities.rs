//! CAs and RAs: read from where the configuration says, or generated once and kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scep_ca::Issuer;
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_server::{CertificateAuthority, RegistrationAuthority};
use scep_types::{Certificate, UnixTime};

use super::keys::{Key, Keys};
use super::next_ca::Next;
use super::prove::Duty;
use crate::config::files::Files;
use crate::config::mistake::{Fault, Findings};
use crate::config::model::{self, Config, Pair};
use crate::config::values::{Located, SecretSource};
use crate::pki::Pki;
use crate::x509;

/// What becomes of a CA that has to be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generated {
    /// It is kept in the state directory.
    Kept,
    /// It is forgotten: a check changes nothing.
    Forgotten,
}

/// A CA and who speaks for it.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) ca: CertificateAuthority,
    pub(crate) ra: RegistrationAuthority,
    /// Whether it was generated for a check, which forgets it.
    pub(crate) made_up: bool,
    /// The CA that takes over.
    pub(crate) next: Option<Next>,
}

/// The name of the authority where none is configured.
pub(crate) const DEFAULT: &str = "default";

/// Reads or generates authorities.
pub(crate) struct Authorities<'a> {
    pub(crate) files: &'a Files,
    pub(crate) keys: Keys<'a>,
    /// The state directory.
    pub(crate) state: PathBuf,
    pub(crate) generated: Generated,
    pub(crate) now: UnixTime,
}

impl Authorities<'_> {
    /// All that can be had; for each other one there is a mistake.
    pub(crate) fn all(&self, config: &Config, findings: &mut Findings) -> BTreeMap<String, Ready> {
        let mut ready = BTreeMap::new();
        if config.authority.is_empty() {
            let authority = self.kept(DEFAULT);
            ready.extend(findings.take(0..0, authority).map(|found| (DEFAULT.to_owned(), found)));
        }
        for (name, authority) in &config.authority {
            let found = self.authority(name, authority, findings);
            ready.extend(found.map(|found| (name.clone(), found)));
        }
        ready
    }

    fn authority(
        &self,
        name: &str,
        authority: &Located<model::Authority>,
        findings: &mut Findings,
    ) -> Option<Ready> {
        let settings = authority.value();
        let mut ready = match &settings.ca {
            None => findings.take(authority.span(), self.kept(name)),
            Some(ca) => self.given(ca, settings.ra.as_ref(), findings),
        }?;
        for earlier in &settings.earlier_ras {
            let (certificate, key) = self.pair(earlier, Duty::SignAndOpen, findings)?;
            ready.ra.earlier.push(RegistrationAuthority::new(certificate, key));
        }
        if let Some(chain) = &settings.chain {
            ready.ca.chain = findings.take(chain.span(), self.files.certificates(chain.value()))?;
        }
        if let Some(next) = &settings.next_ca {
            ready.next = Some(self.next(next, settings, findings)?);
        }
        Some(ready)
    }

    fn given(
        &self,
        ca: &Located<Pair>,
        ra: Option<&Located<Pair>>,
        findings: &mut Findings,
    ) -> Option<Ready> {
        // Both are read, so that mistakes in both are seen.
        let ca_duty = if ra.is_some() { Duty::Sign } else { Duty::SignAndOpen };
        let ca_pair = self.pair(ca, ca_duty, findings);
        let ra_pair = ra.map(|ra| self.pair(ra, Duty::SignAndOpen, findings));
        let (certificate, key) = ca_pair?;
        let ca = findings.take(ca.span(), self.issuer(certificate, &key))?;
        let ra = match ra_pair {
            Some(pair) => {
                let (certificate, key) = pair?;
                RegistrationAuthority::new(certificate, key)
            }
            None => RegistrationAuthority::of_ca(&ca, key),
        };
        Some(Ready { ca, ra, next: None, made_up: false })
    }

    fn pair(
        &self,
        pair: &Located<Pair>,
        duty: Duty,
        findings: &mut Findings,
    ) -> Option<(Certificate, Arc<Key>)> {
        let Pair { certificate, key } = pair.value();
        let certificate = findings.take(pair.span(), self.files.certificate(certificate));
        let spki = certificate.as_ref().map(Certificate::spki);
        let key = self.keys.read(key, spki, duty, findings);
        Some((certificate?, Arc::new(key?)))
    }

    fn issuer(
        &self,
        certificate: Certificate,
        key: &Arc<Key>,
    ) -> Result<CertificateAuthority, Fault> {
        let issuer = Issuer::new(certificate, aws_lc_rs::provider().digest, self.now);
        let issuer = issuer.map_err(|error| {
            Fault::new(format!("not a CA that can issue: {error}"), "give the certificate of a CA")
        })?;
        Ok(CertificateAuthority::root(issuer, key.clone()))
    }

    /// The CA and RA of the state directory, generated if they are not there yet.
    fn kept(&self, name: &str) -> Result<Ready, Fault> {
        let directory = self.state.join("authorities").join(name);
        if directory.exists() {
            return self.read_kept(&directory);
        }
        let failed = |error: anyhow::Error| {
            Fault::new(format!("cannot generate a CA: {error:#}"), "give `ca` and `ra` instead")
        };
        let pki = Pki::generate(&format!("SCEP {name}")).map_err(failed)?;
        if self.generated == Generated::Kept {
            keep(&pki, &directory).map_err(|error| {
                let what = format!("cannot write to {}: {error}", directory.display());
                Fault::new(what, "let scepd's user own the state directory")
            })?;
            tracing::warn!(authority = name, directory = %directory.display(), "generated a CA and an RA");
        }
        let ca_key = generated_key(&pki.ca.key)?;
        let ca = self.issuer(generated_certificate(&pki.ca.certificate)?, &ca_key)?;
        let ra = generated_certificate(&pki.ra.certificate)?;
        let ra = RegistrationAuthority::new(ra, generated_key(&pki.ra.key)?);
        let made_up = self.generated == Generated::Forgotten;
        Ok(Ready { ca, ra, next: None, made_up })
    }

    fn read_kept(&self, directory: &Path) -> Result<Ready, Fault> {
        // Joined to the base, an absolute path stays itself, and a relative one was joined before.
        let read = |name: &str| -> Result<(Certificate, Arc<Key>), Fault> {
            let path = |end: &str| absolute(&directory.join(format!("{name}.{end}")));
            let certificate = self.files.certificate(&path("pem"))?;
            let key = self.files.key(&SecretSource::File(path("key")))?;
            Ok((certificate, Arc::new(Key::in_memory(key))))
        };
        let ((ca, ca_key), (ra, ra_key)) = (read("ca")?, read("ra")?);
        let ra = RegistrationAuthority::new(ra, ra_key);
        Ok(Ready { ca: self.issuer(ca, &ca_key)?, ra, next: None, made_up: false })
    }
}

/// Writes all or nothing: a directory that exists is complete.
fn keep(pki: &Pki, directory: &Path) -> io::Result<()> {
    let unfinished = directory.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
    for (name, pair) in [("ca", &pki.ca), ("ra", &pki.ra)] {
        write(&unfinished.join(format!("{name}.key")), &pair.key, 0o600)?;
        write(&unfinished.join(format!("{name}.pem")), &pair.certificate, 0o644)?;
    }
    fs::File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, directory)
}

/// Writes a new file and waits until it is on disk.
pub(crate) fn write(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn generated_key(pem: &str) -> Result<Arc<Key>, Fault> {
    let key = SoftwareKey::from_pkcs8_pem(pem);
    let key = key.map_err(|error| Fault::new(format!("a generated key: {error}"), ""))?;
    Ok(Arc::new(Key::in_memory(key)))
}

fn generated_certificate(pem: &str) -> Result<Certificate, Fault> {
    x509::certificate(pem)
        .map_err(|error| Fault::new(format!("a generated certificate: {error:#}"), ""))
}
