//! `scepd serve`: endpoints from a configuration, reloaded while they serve, and an API for who runs them.

pub(crate) mod admin;
pub(crate) mod assembly;
mod audit;
mod authorities;
mod descriptors;
mod endpoints;
mod first;
pub(crate) mod intune;
mod journal;
mod keys;
mod log;
mod next_ca;
mod notify;
mod prove;
mod server;
pub(crate) mod store;
mod tls;
#[cfg(feature = "pkcs11")]
mod token;
mod watch;
#[cfg(not(feature = "pkcs11"))]
mod without_tokens;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use scep_crypto::aws_lc_rs;
use scep_server::{
    Clock as _, Execution, Host, Listener, PeerConnections, ServeLimits, SystemClock, WorkerPool,
    serve_with_limits,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;

use crate::cli::ServeArgs;
use crate::config::Loaded;
use crate::config::files::Files;
use crate::config::mistake::Findings;
use crate::config::model::{Config, Limits};
use assembly::Listening;
use audit::Trail;
use journal::Journal;
use notify::{State, notify};
use server::Server;
use watch::Watch;

/// Connections of the admin API at a time.
const ADMIN_CONNECTIONS: usize = 64;

/// Serves until it is told to stop.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode> {
    let file = match &args.config {
        Some(file) => file.clone(),
        None => first::configuration(&args.dir, args.listen)?,
    };
    let mut loaded = Loaded::read(&file)?;
    let Some(config) = loaded.config.clone().filter(|_| loaded.findings.mistakes.is_empty()) else {
        return explain(&loaded.findings.sorted());
    };
    log::start(&config.log);
    let files = Files::beside(&file);
    let trail = Trail::open(config.log.audit.as_ref(), |path| files.path(path))?;
    let watch = Arc::new(Watch::new(trail));
    let sockets = config.listener.len().max(1).saturating_mul(config.limits.connections.get());
    descriptors::make_room(u64::try_from(sockets).unwrap_or(u64::MAX));
    let pool = pool(&config.limits);
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let opened = runtime.block_on(store::open(&config, &files, &mut loaded.findings));
    let Some(store) = opened else {
        return explain(&loaded.findings.sorted());
    };
    if config.store.keeps_journal() {
        let journal = Journal::start(Arc::clone(&store), runtime.handle());
        watch.journal.get_or_init(|| journal);
    }
    let mut host = Host::new(aws_lc_rs::provider(), store);
    host.observer = watch.clone();
    host.execution = Execution::Pool(pool.clone());
    let (server, listeners) = match Server::start(loaded, host, watch) {
        Ok(started) => started,
        Err(findings) => return explain(&findings),
    };
    runtime.block_on(serve(Arc::new(server), listeners, &config, &pool))?;
    Ok(ExitCode::SUCCESS)
}

/// All mistakes at once, as `scepd check` shows them.
fn explain(findings: &Findings) -> Result<ExitCode> {
    let mut out = io::stderr().lock();
    for mistake in &findings.mistakes {
        writeln!(out, "{mistake}")?;
    }
    Ok(ExitCode::from(1))
}

async fn serve(
    server: Arc<Server>,
    listeners: Vec<Listening>,
    config: &Config,
    pool: &WorkerPool,
) -> Result<()> {
    let mut signals = Signals::listen()?;
    server.begin().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut tasks = JoinSet::new();
    serve_devices(&server, listeners, config, &stopped, &mut tasks).await?;
    serve_admin(&server, config, &stopped, &mut tasks).await?;
    tracing::info!("serving");
    acted(&server, "start");
    notify(State::Ready);
    while signals.next().await == Told::Reload {
        let ok = server.reload().await.is_ok();
        let now = SystemClock.now().to_string();
        server.watch.acted(&now, "SIGHUP", "reload", &json!({ "ok": ok }));
    }
    notify(State::Stopping);
    tracing::info!("stopping: no new connections, requests at work are finished");
    let _ = stop.send(true); // without a receiver nothing serves any more
    while tasks.join_next().await.is_some() {}
    // Clients that went away left requests behind, which are carried out all the same.
    if tokio::time::timeout(config.limits.drain.0, pool.close()).await.is_err() {
        tracing::warn!("requests were cut off by the shutdown");
    }
    if tokio::time::timeout(config.limits.drain.0, server.end()).await.is_err() {
        tracing::warn!("what Intune was not told yet waits in the store for the next start");
    }
    acted(&server, "stop");
    server.watch.trail.close();
    if let Some(journal) = server.watch.journal.get() {
        journal.close(config.limits.drain.0).await;
    }
    Ok(())
}

fn acted(server: &Server, what: &str) {
    let version = env!("CARGO_PKG_VERSION");
    let now = SystemClock.now().to_string();
    server.watch.acted(&now, "scepd", what, &json!({ "version": version }));
}

async fn serve_devices(
    server: &Arc<Server>,
    listeners: Vec<Listening>,
    config: &Config,
    stopped: &Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<()> {
    let limits = &config.limits;
    let proxies = limits.trusted_proxies.as_ref();
    let exempt = proxies.map(|proxies| proxies.networks.clone()).unwrap_or_default();
    let most = limits.connections_per_address.get();
    let peers = PeerConnections::new(most, exempt, Arc::clone(&server.refusals));
    for Listening { address, tls } in listeners {
        let socket = bind(address).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let bound = socket.local_addr().context("reading the address")?;
        for door in &server.running().doors {
            let (path, mode) = (door.endpoint.path(), door.mode);
            writeln!(io::stdout().lock(), "serving {scheme}://{bound}{path} ({mode})")?;
        }
        let mut listener = Listener::new(socket).with_peers(peers.clone());
        if let Some(tls) = server.tls.get(&address) {
            listener = listener.with_tls(tls.clone());
        }
        let (router, stop) = (server.router.to_router(), stop(stopped.clone()));
        tasks.spawn(serve_with_limits(listener, router, serve_limits(limits), stop));
    }
    Ok(())
}

async fn serve_admin(
    server: &Arc<Server>,
    config: &Config,
    stopped: &Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<()> {
    let Some(admin) = &config.admin else { return Ok(()) };
    let socket = bind(*admin.address.value()).await?;
    let bound = socket.local_addr().context("reading the address")?;
    writeln!(io::stdout().lock(), "admin http://{bound}")?;
    let mut limits = ServeLimits::default();
    limits.connections = ADMIN_CONNECTIONS;
    limits.drain = config.limits.drain.0;
    let router = admin::router(server);
    tasks.spawn(serve_with_limits(socket, router, limits, stop(stopped.clone())));
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let explain = || format!("cannot listen on {address}: give the listener another address");
    TcpListener::bind(address).await.with_context(explain)
}

fn serve_limits(limits: &Limits) -> ServeLimits {
    let mut serve = ServeLimits::default();
    serve.connections = limits.connections.get();
    serve.head_timeout = limits.head_timeout.0;
    serve.drain = limits.drain.0;
    serve
}

fn pool(limits: &Limits) -> WorkerPool {
    const QUEUE_PER_WORKER: usize = 128;
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = limits.workers.unwrap_or_else(cores);
    let queue = limits.queue.unwrap_or(workers.get().saturating_mul(QUEUE_PER_WORKER));
    let pool = WorkerPool::new(workers, queue);
    match limits.password_workers {
        Some(workers) => pool.with_password_workers(workers),
        None => pool,
    }
}

/// Is ready once it is time to stop.
async fn stop(mut stopped: Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// What signals tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
        }
    }
}
