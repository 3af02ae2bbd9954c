//! The end of a dead node: what it had sent may still be at work in the server, and it is too early to look at anything.

use std::time::Duration;

use super::child::Place;

/// Clients of the server but the one that asks.
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity \
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

impl Place {
    /// Waits until the server has noticed that nobody else is connected: what a dead node had sent is done then, or gone.
    pub(crate) async fn wait_until_alone(&self) {
        match self {
            Self::Sqlite(_) => {} // a process that is dead does nothing more
            Self::Postgres(config) => {
                let (client, connection) =
                    tokio_postgres::connect(config, tokio_postgres::NoTls).await.unwrap();
                let connection = tokio::spawn(connection);
                wait_until(async || {
                    client.query_one(OTHERS, &[]).await.unwrap().get::<_, i64>(0) == 0
                })
                .await;
                drop(client);
                connection.await.unwrap().unwrap();
            }
            Self::Redis(url) => {
                let client = ::redis::Client::open(url.as_str()).unwrap();
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                wait_until(async || {
                    let mut list = ::redis::cmd("CLIENT");
                    let clients = list.arg("LIST").query_async::<String>(&mut connection);
                    let clients = clients.await.unwrap();
                    clients.lines().count() == 1
                })
                .await;
            }
        }
    }
}

async fn wait_until(mut alone: impl AsyncFnMut() -> bool) {
    for _ in 0..6_000 {
        if alone().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("someone else stays connected");
}
