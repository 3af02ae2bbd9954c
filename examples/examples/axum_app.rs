//! An axum app of one's own serves SCEP beside its other routes.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use anyhow::{Result, ensure};
use axum::Router;
use axum::routing::get;
use scep_client::Client;
use scep_crypto::aws_lc_rs::provider;
use scep_examples::Pki;
use scep_proto::Capabilities;
use scep_server::{Mode, ScepService, router, serve};
use scep_types::Secret;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let endpoint = Pki::generate()?.endpoint(Mode::Static(Secret::new("only-an-example")))?;
    let scep = router([ScepService::new(endpoint)])?;
    let app = Router::new().route("/health", get(|| async { "well" })).merge(scep);

    // `scep_server::serve` takes the long request lines that devices send; axum's own server takes most, too.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/scep", listener.local_addr()?);
    println!("serving {url}");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, app, async { drop(stopped.await) }));

    let capabilities = Client::new(&url, provider())?.capabilities().await?;
    println!("it says it can {capabilities}");
    ensure!(capabilities.contains(Capabilities::SCEP_STANDARD));

    drop(stop);
    Ok(server.await?)
}
