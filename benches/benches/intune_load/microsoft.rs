//! Entra, Graph and the service at one address of this machine; the service takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use tokio::net::TcpListener;

use crate::ANSWERS_AFTER;

/// What was asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) tokens: AtomicUsize,
    pub(crate) discoveries: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
}

/// The stand-in.
pub(crate) struct Microsoft {
    pub(crate) url: String,
    pub(crate) counts: Arc<Counts>,
}

#[derive(Clone)]
struct Served {
    url: String,
    counts: Arc<Counts>,
}

impl Microsoft {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let counts = Arc::new(Counts::default());
        let served = Served { url: url.clone(), counts: Arc::clone(&counts) };
        let app = Router::new().fallback(answer).with_state(served);
        // It ends with the program.
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, counts })
    }
}

async fn answer(State(served): State<Served>, uri: Uri) -> impl IntoResponse {
    let Served { url, counts } = served;
    let body = if uri.path().ends_with("/token") {
        counts.tokens.fetch_add(1, Ordering::Relaxed);
        r#"{"token_type":"Bearer","expires_in":3599,"access_token":"e30.e30.e30"}"#.to_owned()
    } else if uri.path().ends_with("/endpoints") {
        counts.discoveries.fetch_add(1, Ordering::Relaxed);
        format!(
            r#"{{"value":[{{"providerName":"ScepRequestValidationFEService","uri":"{url}/service"}}]}}"#
        )
    } else {
        call(&counts).await;
        r#"{"code":"Success","errorDescription":""}"#.to_owned()
    };
    ([(header::CONTENT_TYPE, "application/json")], body)
}

async fn call(counts: &Counts) {
    counts.calls.fetch_add(1, Ordering::Relaxed);
    let in_flight = counts.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    counts.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
    tokio::time::sleep(ANSWERS_AFTER).await;
    counts.in_flight.fetch_sub(1, Ordering::Relaxed);
}
