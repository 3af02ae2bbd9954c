//! From the configuration to the store: one backend for each kind of URL.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use scep_store::{
    Cause, EnrolmentStore, MemoryStore, PostgresOptions, PostgresStore, PostgresTls, RedisOptions,
    RedisStore, SqliteOptions, SqliteStore, StoreError, StoreLimits, Unfit,
};
use zeroize::Zeroizing;

use crate::config::files::Files;
use crate::config::mistake::{Fault, Findings};
use crate::config::model::Config;
use crate::config::store::Store;
use crate::config::store_url::{Encryption, ServerUrl, StoreUrl};
use crate::config::values::Located;

/// The file in the state directory where no URL says otherwise.
const DEFAULT_FILE: &str = "scepd.sqlite";

/// Where a configuration keeps the state of enrolments.
pub(crate) enum Place {
    Memory(StoreLimits),
    Sqlite(PathBuf, SqliteOptions),
    Postgres(Zeroizing<String>, PostgresTls, PostgresOptions),
    Redis(Zeroizing<String>, RedisOptions),
}

/// Opens the store of a configuration, which was checked; what stands in the way is a mistake.
pub(super) async fn open(
    config: &Config,
    files: &Files,
    findings: &mut Findings,
) -> Option<Arc<dyn EnrolmentStore>> {
    let place = Place::of(config, files, findings)?;
    let (name, remedy) = (place.name(), place.remedy());
    match place.open().await {
        Ok(store) => Some(store),
        Err(error) => {
            let fault = explain(&error, &name, remedy);
            findings.mistake(config.store.span(), fault.what, fault.remedy);
            None
        }
    }
}

/// Says what [`open`] would stumble over, as far as that can be known without changing anything.
pub(crate) async fn probe(config: &Config, files: &Files, findings: &mut Findings) {
    let Some(place) = Place::of(config, files, findings) else { return };
    let (name, remedy) = (place.name(), place.remedy());
    let is_server = matches!(place, Place::Postgres(..) | Place::Redis(..));
    let Err(error) = place.probe().await else { return };
    let Fault { what, remedy } = explain(&error, &name, remedy);
    match error {
        // A server may be away from here, or at this moment.
        StoreError::Unavailable(_) if is_server => {
            findings.warning(config.store.span(), what, remedy);
        }
        _ => findings.mistake(config.store.span(), what, remedy),
    }
}

fn explain(error: &StoreError, name: &str, away: &str) -> Fault {
    let remedy = match error {
        StoreError::Unfit(Unfit::NewerSchema { .. }) => {
            "run the newer scepd that made it, or give another `url`"
        }
        StoreError::Unfit(Unfit::Evicts { .. }) => "set maxmemory-policy noeviction at the server",
        StoreError::Unfit(Unfit::LosesCommits { setting }) if setting.starts_with("append") => {
            "set appendonly yes and appendfsync always at the server, or say with redis = { persistence = \"…\" } what is enough"
        }
        StoreError::Unfit(_) => "set fsync and synchronous_commit to on at the server",
        StoreError::Address(_) => "write it as `scepd config example` says",
        _ => away,
    };
    Fault::new(format!("store.url: {name}: {error}"), remedy)
}

impl Place {
    /// What the configuration comes to; mistakes are added to the findings.
    fn of(config: &Config, files: &Files, findings: &mut Findings) -> Option<Self> {
        let store = &config.store;
        let url = store.url.as_ref();
        let parsed = url.map(|url| StoreUrl::parse(url.value())).transpose();
        let default = || StoreUrl::Sqlite(config.state_dir.join(DEFAULT_FILE));
        match findings.take(store.span(), parsed)?.unwrap_or_else(default) {
            StoreUrl::Memory => Some(Self::Memory(store.limits_over(StoreLimits::in_memory()))),
            StoreUrl::Sqlite(path) => {
                let path = files.path(&path);
                let closed = if path.exists() { files.check_private(&path) } else { Ok(()) };
                findings.take(store.span(), closed)?;
                let options =
                    SqliteOptions::default().with_limits(store.limits_over(StoreLimits::default()));
                Some(Self::Sqlite(path, options))
            }
            StoreUrl::Postgres(server) => {
                let tls = tls(&server, store, files, findings)?;
                let url = with_password(&server, store, files, findings)?;
                let options = PostgresOptions::default()
                    .with_limits(store.limits_over(StoreLimits::default()));
                let settings = store.postgres.as_ref().map(Located::value);
                let connections = settings.map(|settings| settings.connections.get());
                let options = options.with_connections(connections.unwrap_or(options.connections));
                Some(Self::Postgres(url, tls, options))
            }
            StoreUrl::Redis(server) => {
                let url = with_password(&server, store, files, findings)?;
                Some(Self::Redis(url, redis_options(store, files, findings)?))
            }
        }
    }

    async fn open(self) -> Result<Arc<dyn EnrolmentStore>, StoreError> {
        Ok(match self {
            Self::Memory(limits) => Arc::new(MemoryStore::new(limits)),
            Self::Sqlite(path, options) => {
                prepare(&path).map_err(|error| StoreError::Unavailable(Cause::new(error)))?;
                Arc::new(SqliteStore::open(&path, options)?)
            }
            Self::Postgres(url, tls, options) => {
                Arc::new(PostgresStore::connect(&url, tls, options).await?)
            }
            Self::Redis(url, options) => Arc::new(RedisStore::connect(&url, options).await?),
        })
    }

    async fn probe(self) -> Result<(), StoreError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sqlite(path, _) => SqliteStore::probe(&path),
            Self::Postgres(url, tls, options) => PostgresStore::probe(&url, tls, options).await,
            Self::Redis(url, options) => RedisStore::probe(&url, &options).await,
        }
    }

    /// For mistakes; never with a URL.
    fn name(&self) -> String {
        match self {
            Self::Memory(_) => "the memory".to_owned(),
            Self::Sqlite(path, _) => format!("SQLite in {}", path.display()),
            Self::Postgres(..) => "PostgreSQL".to_owned(),
            Self::Redis(..) => "Redis".to_owned(),
        }
    }

    /// What to do if it is not there.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Memory(_) | Self::Sqlite(..) => {
                "let scepd's user write the file and its directory"
            }
            Self::Postgres(..) | Self::Redis(..) => {
                "start the server, or correct host, user, `password` or `roots`"
            }
        }
    }
}

/// Makes the file for its owner only, since it holds what devices sent; SQLite gives the files beside it the same mode.
fn prepare(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

fn with_password(
    server: &ServerUrl,
    store: &Store,
    files: &Files,
    findings: &mut Findings,
) -> Option<Zeroizing<String>> {
    let Some(source) = &store.password else { return Some(server.with_password(None)) };
    let password = findings.take(source.span(), files.secret(source.value()))?;
    Some(server.with_password(Some(&password)))
}

fn redis_options(store: &Store, files: &Files, findings: &mut Findings) -> Option<RedisOptions> {
    // The driver takes its cryptography from the process; a second one in place is as good.
    let _ = aws_lc_rs::default_provider().install_default();
    let mut options =
        RedisOptions::default().with_limits(store.limits_over(StoreLimits::default()));
    if let Some(roots) = &store.roots {
        findings.take(roots.span(), files.certificates(roots.value()))?;
        options = options.with_roots(&findings.take(roots.span(), files.text(roots.value()))?);
    }
    let Some(settings) = store.redis.as_ref().map(Located::value) else { return Some(options) };
    if let Some(prefix) = &settings.prefix {
        options = options.with_prefix(prefix);
    }
    let replicas = settings.replicas.map_or(0, std::num::NonZeroU32::get);
    Some(options.with_replicas(replicas).with_persistence(settings.persistence.into()))
}

fn tls(
    server: &ServerUrl,
    store: &Store,
    files: &Files,
    findings: &mut Findings,
) -> Option<PostgresTls> {
    if server.encryption == Encryption::None {
        return Some(PostgresTls::Unencrypted);
    }
    let at = store.roots.as_ref().map_or(store.span(), Located::span);
    let config = roots(store, files).and_then(client_config);
    findings.take(at, config).map(|config| PostgresTls::Required(Arc::new(config)))
}

/// Those of the configuration, or of the system.
fn roots(store: &Store, files: &Files) -> Result<Vec<CertificateDer<'static>>, Fault> {
    match &store.roots {
        None => Ok(rustls_native_certs::load_native_certs().certs),
        Some(roots) => {
            let certificates = files.certificates(roots.value())?;
            let der = |certificate: &scep_types::Certificate| certificate.der().to_vec().into();
            Ok(certificates.iter().map(der).collect())
        }
    }
}

fn client_config(trusted: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    if roots.is_empty() {
        let remedy = "install ca-certificates, or write `roots`";
        return Err(Fault::new("no authority could vouch for the database's server", remedy));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Fault::new(format!("TLS: {error}"), ""))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
