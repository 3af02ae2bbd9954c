use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::{Listener, PeerAddress};

/// What a peer may cost before anything is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeLimits {
    /// Connections at a time, each of which may fill a head and a body; more wait in the backlog of the socket.
    pub connections: usize,
    /// How long a request's head and a TLS handshake may take, and how long a connection may be idle.
    pub head_timeout: Duration,
    /// Octets of a request's head: request line and headers. At least 8 KiB; hyper takes a request target of up to
    /// 65,534 octets, so 128 KiB leaves as much again for the headers.
    pub head_octets: usize,
    /// How long requests at work may take after the shutdown began.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head_timeout: Duration::from_secs(10),
            head_octets: 128 * 1024,
            drain: Duration::from_secs(30),
        }
    }
}

/// Serves a router over HTTP/1 with the default [`ServeLimits`] until `shutdown` is ready, then drains.
///
/// HTTP/1.0 without Host works, as do request targets far longer than axum's own server takes.
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    serve_with_limits(listener, router, ServeLimits::default(), shutdown).await;
}

/// As [`serve`], with other limits.
pub async fn serve_with_limits(
    listener: impl Into<Listener>,
    router: Router,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
) {
    let listener = listener.into();
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            // Never closed; if it were, nothing more is accepted.
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((accept(&listener.socket).await, place))
        };
        let ((stream, peer), place) = tokio::select! {
            () = &mut shutdown => break,
            next = next => match next {
                Some(next) => next,
                None => break,
            },
        };
        let counted = listener.peers.as_ref().map(|peers| peers.admit(peer.ip()));
        if matches!(counted, Some(None)) {
            tracing::debug!(%peer, "too many connections from this address");
            continue;
        }
        let connection = Connection {
            peer,
            router: router.clone(),
            limits,
            watcher: connections.watcher(),
            #[cfg(feature = "tls")]
            tls: listener.tls.as_ref().map(super::TlsConfig::acceptor),
        };
        tokio::spawn(async move {
            connection.serve(stream).await;
            drop((place, counted));
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, connections.shutdown()).await.is_err() {
        tracing::warn!("connections were cut off by the shutdown");
    }
}

/// A connection that was accepted, and all it is served with.
struct Connection {
    peer: SocketAddr,
    router: Router,
    limits: ServeLimits,
    watcher: Watcher,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Connection {
    #[cfg(feature = "tls")]
    async fn serve(mut self, stream: TcpStream) {
        let Some(acceptor) = self.tls.take() else { return self.speak(stream).await };
        match tokio::time::timeout(self.limits.head_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "TLS handshake"),
            Err(_) => tracing::debug!(peer = %self.peer, "TLS handshake: too slow"),
        }
    }

    #[cfg(not(feature = "tls"))]
    async fn serve(self, stream: TcpStream) {
        self.speak(stream).await;
    }

    async fn speak<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { peer, router, limits, watcher, .. } = self;
        let service = router.map_request(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer));
            request
        });
        let service = TowerToHyperService::new(service);
        let connection = http(&limits).serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "connection");
        }
    }
}

fn http(limits: &ServeLimits) -> http1::Builder {
    /// Less than this hyper does not take.
    const LEAST: usize = 8192;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_octets.max(LEAST))
        .half_close(true); // HTTP/1.0 clients may close their side once they have asked
    http
}

/// The next connection, however often accepting fails: for want of file descriptors, or because the peer is gone.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
