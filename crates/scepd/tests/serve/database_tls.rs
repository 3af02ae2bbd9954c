//! Databases behind TLS: whom scepd believes that it is the database.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use scep_test::servers::{Postgres, Redis, memory_folder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::backend::Backend;
use crate::support::{PASSWORD, Place, STATIC, ca, enrol, key_pem, tls_certificate};

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    AtOnce,
    /// By an SSLRequest of eight octets, which is answered by `S`.
    Asked,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn postgresql_is_believed_only_with_a_certificate_for_its_name() {
    let server = Postgres::start(memory_folder());
    let backend = Backend::postgres(&server);
    let Backend::Postgres { socket, schema } = &backend else { panic!("{backend:?}") };
    let port = serve_tls(format!("{socket}/.s.PGSQL.5432").into(), Beginning::Asked).await;
    let url = |host: &str| {
        format!(
            "url = \"postgres://scep@{host}:{port}/postgres?sslmode=verify-full&options=-c%20search_path%3D{schema}\""
        )
    };
    check(&backend, url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn redis_is_believed_only_with_a_certificate_for_its_name() {
    let server = Redis::start(memory_folder(), Redis::DURABLE);
    let backend = Backend::redis(&server);
    let Backend::Redis { url, prefix } = &backend else { panic!("{backend:?}") };
    let socket = url.strip_prefix("unix://").unwrap();
    let port = serve_tls(socket.into(), Beginning::AtOnce).await;
    let url = |host: &str| {
        format!("url = \"rediss://{host}:{port}\"\nredis = {{ prefix = \"{prefix}\" }}")
    };
    check(&backend, url).await;
}

/// The certificate is for 127.0.0.1, and no system trusts its authority.
async fn check(backend: &Backend, url: impl Fn(&str) -> String) {
    let roots = "roots = \"ca.pem\"";
    for (host, roots) in [("127.0.0.1", ""), ("localhost", roots)] {
        let place = place_with(&format!("{}\n{roots}", url(host)));
        let output = place.run(&["serve", "--config", "scepd.toml"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("scepd.toml:5:7: store.url: "), "{said}");
        assert!(said.contains("certificate") || said.contains("TLS"), "{said}");
    }
    let place = place_with(&format!("{}\n{roots}", url("127.0.0.1")));
    assert_eq!(place.check()["mistakes"].as_array().unwrap().len(), 0);
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    assert_eq!(backend.certificates().await, 1);
}

fn place_with(store: &str) -> Place {
    let place = Place::new(STATIC);
    place.replace("[admin]", &format!("[store]\n{store}\n[admin]"));
    place
}

/// Takes TLS off and passes the rest on to the socket of a database.
async fn serve_tls(socket: PathBuf, beginning: Beginning) -> u16 {
    let certificate = tls_certificate(&ca("Test CA"), "rsa2048-device2");
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key_pem("rsa2048-device2").as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass_on(client, acceptor.clone(), socket.clone(), beginning));
        }
    });
    port
}

async fn pass_on(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    socket: PathBuf,
    beginning: Beginning,
) -> std::io::Result<()> {
    if beginning == Beginning::Asked {
        client.read_exact(&mut [0; 8]).await?;
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await?; // who does not believe us ends here
    copy_bidirectional(&mut client, &mut UnixStream::connect(socket).await?).await.map(drop)
}
