//! Peers on this machine: an HTTP server, the same over TLS, and a proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A peer, and the heads and bodies of the requests that came.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Answers each request with these octets and closes; with none, it closes without a word.
    pub(crate) async fn http(answer: impl Into<Vec<u8>>) -> Self {
        Self::serve(answer.into(), None).await
    }

    /// The same over TLS.
    pub(crate) async fn https(answer: impl Into<Vec<u8>>, config: ServerConfig) -> Self {
        Self::serve(answer.into(), Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(answer: Vec<u8>, tls: Option<TlsAcceptor>) -> Self {
        let (peer, listener) = Self::listen().await;
        let seen = Arc::clone(&peer.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer, tls) = (Arc::clone(&seen), answer.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => respond(stream, &answer, &seen).await,
                        // A client that does not like our certificate, or has none of its own, is gone.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => respond(stream, &answer, &seen).await,
                            Err(_) => Ok(()),
                        },
                    }
                });
            }
        });
        peer
    }

    /// A proxy that connects whoever has these credentials to where they say.
    pub(crate) async fn proxy(credentials: &'static str) -> Self {
        let (peer, listener) = Self::listen().await;
        let seen = Arc::clone(&peer.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, credentials, Arc::clone(&seen)));
            }
        });
        peer
    }

    async fn listen() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self { address, seen: Arc::default() }, listener)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn respond(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let request = read_request(&mut stream).await?;
    seen.lock().unwrap().push(request);
    stream.write_all(answer).await?;
    stream.shutdown().await
}

async fn tunnel(
    mut stream: TcpStream,
    credentials: &str,
    seen: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let request = read_request(&mut stream).await?;
    seen.lock().unwrap().push(request.clone());
    let basic = format!("Basic {}", STANDARD.encode(credentials));
    if !request.contains(&basic) {
        return stream
            .write_all(
                b"HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
            )
            .await;
    }
    let target = request.split_whitespace().nth(1).unwrap().to_owned();
    let mut upstream = TcpStream::connect(target).await?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
}

/// Head and body, as text.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut request = Vec::new();
    loop {
        request.push(stream.read_u8().await?);
        if request.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(request.clone()).unwrap().to_ascii_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).await?;
    request.extend(body);
    Ok(String::from_utf8(request).unwrap())
}
