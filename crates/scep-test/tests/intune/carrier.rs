//! Carries the server's calls to a simulator in another runtime, while the time of the server's stands still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use intune_client::service::{HttpRequest, HttpResponse};
use intune_client::{HttpSettings, Proxy, ReqwestTransport, Transport, TransportError};
use intune_sim::{Endpoint, Simulator};
use tokio::runtime::Handle;

/// A transport; clones are the same one.
///
/// Its caller's clock is tokio's, paused: it goes on only where the caller waits for nothing but time. So what a call
/// spends is what its settings say, whatever the machine does.
#[derive(Clone)]
pub(crate) struct Carrier(Arc<State>);

struct State {
    real: Handle,
    http: ReqwestTransport,
    simulator: Arc<Simulator>,
    sent: Mutex<Vec<Endpoint>>,
    ahead: Mutex<Option<(Endpoint, Ahead)>>,
}

/// What lies ahead of requests to an endpoint that its simulator cannot do alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Its host refuses connections from the first request on.
    Refusal,
    /// No request is answered.
    Silence,
}

impl Carrier {
    pub(crate) fn new(real: Handle, simulator: Arc<Simulator>) -> Self {
        let http = http();
        let (sent, ahead) = (Mutex::default(), Mutex::default());
        Self(Arc::new(State { real, http, simulator, sent, ahead }))
    }

    /// What requests to this endpoint will meet; `None` clears it.
    pub(crate) fn set_ahead(&self, ahead: Option<(Endpoint, Ahead)>) {
        *self.0.ahead.lock().unwrap() = ahead;
    }

    /// How often this endpoint was asked, answered or not.
    pub(crate) fn sent(&self, to: Endpoint) -> usize {
        self.0.sent.lock().unwrap().iter().filter(|endpoint| **endpoint == to).count()
    }
}

impl Transport for Carrier {
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let (state, request) = (Arc::clone(&self.0), request.clone());
        let real = state.real.clone();
        let exchange = real.spawn(async move { state.exchange(&request).await });
        // As long as a thread is blocked, tokio's paused clock does not go on by itself.
        let waiting = tokio::task::spawn_blocking(move || real.block_on(exchange));
        match waiting.await.unwrap().unwrap() {
            Some(answered) => answered,
            None => std::future::pending().await,
        }
    }
}

impl State {
    /// The answer, or `None` if there will never be one.
    async fn exchange(
        &self,
        request: &HttpRequest,
    ) -> Option<Result<HttpResponse, TransportError>> {
        let endpoint = endpoint_of(request.url());
        self.sent.lock().unwrap().push(endpoint);
        let ahead = *self.ahead.lock().unwrap();
        match ahead.filter(|(of, _)| *of == endpoint).map(|(_, ahead)| ahead) {
            Some(Ahead::Silence) => self.unanswered(endpoint, request).await,
            Some(Ahead::Refusal) => {
                self.simulator.refuse(endpoint.host()).await;
                // Without a connection from before, which may be noticed to be closed or not.
                Some(http().send(request).await)
            }
            None => Some(self.http.send(request).await),
        }
    }

    /// Sends what is not answered, and waits until it has arrived.
    async fn unanswered(
        &self,
        endpoint: Endpoint,
        request: &HttpRequest,
    ) -> Option<Result<HttpResponse, TransportError>> {
        let before = self.simulator.count(endpoint);
        let arrived = async {
            while self.simulator.count(endpoint) == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            answered = self.http.send(request) => Some(answered),
            () = arrived => None,
        }
    }
}

fn http() -> ReqwestTransport {
    let direct = HttpSettings { proxy: Proxy::Direct, ..HttpSettings::default() };
    ReqwestTransport::new(&direct).unwrap()
}

fn endpoint_of(url: &str) -> Endpoint {
    let ends = |end: &str| url.ends_with(end);
    match () {
        () if ends("/token") => Endpoint::Token,
        () if url.contains("/servicePrincipals/") => Endpoint::Discovery,
        () if ends("/validateRequest") => Endpoint::Validate,
        () if ends("/successNotification") => Endpoint::SuccessNotification,
        () if ends("/failureNotification") => Endpoint::FailureNotification,
        () if ends("/downloadRevocationRequests") => Endpoint::DownloadRevocationRequests,
        () if ends("/uploadRevocationResults") => Endpoint::UploadRevocationResults,
        () => panic!("{url}"),
    }
}
