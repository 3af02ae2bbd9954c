//! Where nodes keep their state.

use std::path::PathBuf;
use std::sync::Arc;

use scep_store::{
    EnrolmentStore, PostgresOptions, PostgresStore, PostgresTls, RedisOptions, RedisStore,
    SqliteStore,
};
use scep_test::servers::{Postgres, Redis, memory_folder};
use tempfile::TempDir;

/// A durable backend, and its server if it has one.
pub(crate) enum Backend {
    Sqlite { folder: TempDir, files: usize },
    Postgres(Postgres),
    Redis(Redis),
}

/// The state of one node and those that come after it.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
    Redis { url: String, prefix: String },
}

impl Backend {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite { folder: memory_folder(), files: 0 }
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(Postgres::start(memory_folder()))
    }

    pub(crate) fn redis() -> Self {
        Self::Redis(Redis::start(memory_folder(), Redis::DURABLE))
    }

    /// Room for one more.
    pub(crate) fn place(&mut self) -> Place {
        match self {
            Self::Sqlite { folder, files } => {
                *files += 1;
                Place::Sqlite(folder.path().join(format!("{files}.sqlite")))
            }
            Self::Postgres(server) => Place::Postgres(server.new_schema()),
            Self::Redis(server) => Place::Redis { url: server.url(), prefix: server.new_prefix() },
        }
    }

    /// Ends its server as a crash would: no checkpoint, no farewell.
    pub(crate) fn stop(&mut self) {
        match self {
            Self::Sqlite { .. } => panic!("there is no server"),
            Self::Postgres(server) => server.stop(),
            Self::Redis(server) => server.stop(),
        }
    }

    /// Starts it again on what is left.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Sqlite { .. } => panic!("there is no server"),
            Self::Postgres(server) => server.restart(),
            Self::Redis(server) => server.restart(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
            Self::Redis(_) => "Redis",
        }
    }
}

impl Place {
    pub(crate) async fn open(&self) -> Arc<dyn EnrolmentStore> {
        match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path, Default::default()).unwrap()),
            Self::Postgres(config) => {
                let (tls, options) = (PostgresTls::Unencrypted, PostgresOptions::default());
                Arc::new(PostgresStore::connect(config, tls, options).await.unwrap())
            }
            Self::Redis { url, prefix } => {
                let options = RedisOptions::default().with_prefix(prefix);
                Arc::new(RedisStore::connect(url, options).await.unwrap())
            }
        }
    }

    /// What [`Place::named`] reads.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite {}", path.display()),
            Self::Postgres(config) => format!("postgres {config}"),
            Self::Redis { url, prefix } => format!("redis {prefix} {url}"),
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let (kind, place) = name.split_once(' ').unwrap();
        match kind {
            "sqlite" => Self::Sqlite(place.into()),
            "postgres" => Self::Postgres(place.to_owned()),
            "redis" => {
                let (prefix, url) = place.split_once(' ').unwrap();
                Self::Redis { url: url.to_owned(), prefix: prefix.to_owned() }
            }
            other => panic!("{other}"),
        }
    }
}
