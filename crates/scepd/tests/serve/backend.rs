//! Where nodes of a test keep their state, and what they left there.

use std::path::PathBuf;

use scep_test::servers::{Postgres, Redis};

/// A database of its own.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite(PathBuf),
    /// A schema in a server whose Unix socket is in this directory.
    Postgres {
        socket: String,
        schema: String,
    },
    Redis {
        url: String,
        prefix: String,
    },
}

impl Backend {
    pub(crate) fn postgres(server: &Postgres) -> Self {
        let config = server.new_schema();
        let after = |key: &str| config.split_once(key).unwrap().1.to_owned();
        let socket = after("host=").split(' ').next().unwrap().to_owned();
        Self::Postgres { socket, schema: after("search_path=").trim_end_matches('\'').to_owned() }
    }

    pub(crate) fn redis(server: &Redis) -> Self {
        Self::Redis { url: server.url(), prefix: server.new_prefix() }
    }

    /// What stands under `[store]`.
    pub(crate) fn settings(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("url = \"sqlite:{}\"", path.display()),
            Self::Postgres { socket, schema } => format!(
                "url = \"postgres://scep@/postgres?host={socket}&options=-c%20search_path%3D{schema}\""
            ),
            Self::Redis { url, prefix } => {
                format!("url = \"redis+{url}\"\nredis = {{ prefix = \"{prefix}\" }}")
            }
        }
    }

    /// How many certificates the database holds.
    pub(crate) async fn certificates(&self) -> usize {
        match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                let count = "SELECT count(*) FROM certificates";
                let count: i64 = connection.query_row(count, (), |row| row.get(0)).unwrap();
                usize::try_from(count).unwrap()
            }
            Self::Postgres { .. } => {
                let count = self.client().await;
                let row = count.query_one("SELECT count(*) FROM certificates", &[]).await.unwrap();
                usize::try_from(row.get::<_, i64>(0)).unwrap()
            }
            Self::Redis { url, prefix } => {
                let client = redis::Client::open(url.as_str()).unwrap();
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                let mut count = redis::cmd("HLEN");
                count.arg(format!("{{{prefix}}}:certificates"));
                count.query_async(&mut connection).await.unwrap()
            }
        }
    }

    /// A connection to PostgreSQL, past scepd.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        let Self::Postgres { socket, schema } = self else { panic!("{self:?}") };
        let config =
            format!("host={socket} user=scep dbname=postgres options='-c search_path={schema}'");
        let (client, connection) =
            tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}
