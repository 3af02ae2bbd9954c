//! What serves, and how it is reloaded: everything is built anew, then put in place at once, or not at all.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use prometheus_client::metrics::counter::Counter;
use scep_server::{
    Clock as _, ForwardedHeader, Host, HotRouter, Rate, Refusals, RequestLimits, ScepService,
    SystemClock, TlsConfig, TrustedProxies, limited,
};
use scep_types::UnixTime;

use super::admin::tokens::Tokens;
use super::assembly::{Assembly, Door, Generated, Listening};
use super::intune::{self, Workers};
use super::watch::Watch;
use crate::config::Loaded;
use crate::config::mistake::{Fault, Findings};
use crate::config::model::{self, Config};

/// The running server.
pub(super) struct Server {
    /// The configuration file.
    file: PathBuf,
    /// What serves at this moment.
    running: Mutex<Arc<Running>>,
    /// Held while a reload is at work, so that one ends before the next begins.
    reloading: tokio::sync::Mutex<()>,
    pub(super) router: HotRouter,
    /// What works beside the endpoints that serve.
    workers: tokio::sync::Mutex<Workers>,
    pub(super) tls: HashMap<SocketAddr, TlsConfig>,
    pub(super) host: Host,
    pub(super) watch: Arc<Watch>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) reloads: Counter,
    pub(super) failed_reloads: Counter,
}

/// What one configuration came to.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) config: Config,
    pub(super) doors: Vec<Door>,
    /// Addresses that present a certificate, and when that ends.
    pub(super) presented: Vec<(SocketAddr, UnixTime)>,
    pub(super) tokens: Tokens,
}

/// What a reload came to.
pub(super) struct Reloaded {
    /// Settings that changed, but need a restart.
    pub(super) at_restart: Vec<&'static str>,
}

/// All that a reload replaces, built and checked.
struct Built {
    running: Running,
    listeners: Vec<Listening>,
    router: Router,
}

impl Server {
    /// Builds what a configuration says; the addresses to listen at come with it.
    ///
    /// # Errors
    /// The findings, if there is a mistake among them.
    pub(super) fn start(
        loaded: Loaded,
        host: Host,
        watch: Arc<Watch>,
    ) -> Result<(Self, Vec<Listening>), Box<Findings>> {
        let file = loaded.findings.file().to_owned();
        let refusals = Arc::new(Refusals::default());
        let Built { running, listeners, router } = build(loaded, &host, &refusals)?;
        let tls = listeners.iter().filter_map(|listening| {
            Some((listening.address, TlsConfig::new(listening.tls.clone()?.config)))
        });
        let server = Self {
            file,
            running: Mutex::new(Arc::new(running)),
            reloading: tokio::sync::Mutex::default(),
            router: HotRouter::new(router),
            workers: tokio::sync::Mutex::default(),
            tls: tls.collect(),
            host,
            watch,
            refusals,
            reloads: Counter::default(),
            failed_reloads: Counter::default(),
        };
        Ok((server, listeners))
    }

    /// What serves at this moment.
    pub(super) fn running(&self) -> Arc<Running> {
        self.lock().clone()
    }

    /// Reads everything again and puts it in place; if anything is wrong, all stays as it is.
    ///
    /// # Errors
    /// The findings, if there is a mistake among them; or the file cannot be read.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<Reloaded, ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        let server = Arc::clone(self);
        // Files are read and keys are parsed: nothing for a thread of the runtime.
        let built = tokio::task::spawn_blocking(move || server.build_again()).await;
        let built =
            built.unwrap_or_else(|_| Err(ReloadError::Unreadable("the reload gave up".into())));
        let done = match built {
            Ok(built) => Ok(self.put_in_place(built).await),
            Err(error) => Err(error),
        };
        match &done {
            Ok(Reloaded { at_restart }) => {
                self.reloads.inc();
                tracing::info!("reloaded");
                for setting in at_restart {
                    tracing::warn!(setting, "changed, but takes effect at the next start");
                }
            }
            Err(error) => {
                self.failed_reloads.inc();
                tracing::error!(%error, "not reloaded, everything stays as it is");
            }
        }
        done
    }

    /// Starts what works beside the endpoints.
    pub(super) async fn begin(&self) {
        let running = self.running();
        intune::publish(&running.doors).await;
        self.workers.lock().await.replace(&running.doors);
    }

    /// Ends what works beside the endpoints, once no request is at work any more.
    pub(super) async fn end(&self) {
        self.workers.lock().await.end().await;
        intune::empty(&self.running().doors).await;
    }

    fn build_again(&self) -> Result<Built, ReloadError> {
        let loaded = Loaded::read(&self.file);
        let loaded = loaded.map_err(|error| ReloadError::Unreadable(format!("{error:#}")))?;
        build(loaded, &self.host, &self.refusals).map_err(ReloadError::Mistakes)
    }

    async fn put_in_place(&self, built: Built) -> Reloaded {
        let Built { running, listeners, router } = built;
        intune::publish(&running.doors).await;
        let at_restart = needs_restart(&self.running().config, &running.config);
        self.router.replace(router);
        for Listening { address, tls } in listeners {
            if let (Some(presented), Some(place)) = (tls, self.tls.get(&address)) {
                place.replace(presented.config);
            }
        }
        self.workers.lock().await.replace(&running.doors);
        *self.lock() = Arc::new(running);
        self.watch.trail.reopen();
        Reloaded { at_restart }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nothing was reloaded.
#[derive(Debug)]
pub(super) enum ReloadError {
    Unreadable(String),
    Mistakes(Box<Findings>),
}

impl std::fmt::Display for ReloadError {
    /// One line, for the log; `scepd check` shows all mistakes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => f.write_str(why),
            Self::Mistakes(findings) => {
                let mistakes = &findings.mistakes;
                let Some(first) = mistakes.first() else { return Ok(()) };
                write!(
                    f,
                    "{}:{}:{}: {}",
                    first.file.display(),
                    first.line,
                    first.column,
                    first.what
                )?;
                match mistakes.len() {
                    0 | 1 => Ok(()),
                    many => write!(f, " (and {} more, see scepd check)", many - 1),
                }
            }
        }
    }
}

fn build(loaded: Loaded, host: &Host, refusals: &Arc<Refusals>) -> Result<Built, Box<Findings>> {
    let Loaded { config, mut findings } = loaded;
    let Some(config) = config.filter(|_| findings.mistakes.is_empty()) else {
        return Err(Box::new(findings.sorted()));
    };
    let (now, file) = (SystemClock.now(), findings.file().to_owned());
    let assembly = Assembly::new(&config, host.clone(), Generated::Kept, now, &mut findings);
    let tokens = findings.take(0..0, Tokens::of(&config, &file));
    let built = router(&assembly.doors, &config.limits, refusals);
    let built = built.map_err(|error| Fault::new(format!("{error:#}"), "correct the endpoints"));
    let router = findings.take(0..0, built);
    for warning in &findings.warnings {
        tracing::warn!(line = warning.line, "{}", warning.what);
    }
    match (router, tokens, findings.mistakes.is_empty()) {
        (Some(router), Some(tokens), true) => {
            let Assembly { doors, listeners } = assembly;
            let presented = listeners.iter().filter_map(|listening| {
                Some((listening.address, listening.tls.as_ref()?.not_after))
            });
            let presented = presented.collect();
            let running = Running { config, doors, presented, tokens };
            Ok(Built { running, listeners, router })
        }
        _ => Err(Box::new(findings.sorted())),
    }
}

fn router(doors: &[Door], limits: &model::Limits, refusals: &Arc<Refusals>) -> Result<Router> {
    let services = doors.iter().map(|door| {
        ScepService::new(door.endpoint.clone()).with_body_timeout(limits.body_timeout.0)
    });
    let mut router = scep_server::router(services).context("building the router")?;
    for crl in doors.iter().flat_map(Door::crls) {
        let published = scep_server::crl_router(&crl.path, crl.publisher.clone());
        router = router.merge(published.context("building the router of a CRL")?);
    }
    let mut request_limits = RequestLimits::default();
    request_limits.per_address = Some(rate(limits.per_address));
    request_limits.global = limits.global.map(rate);
    request_limits.trusted_proxies = limits.trusted_proxies.as_ref().map(trusted_proxies);
    request_limits.refusals = Arc::clone(refusals);
    Ok(limited(router, request_limits))
}

fn rate(rate: model::Rate) -> Rate {
    Rate { requests: rate.requests, per: rate.per.0, burst: rate.burst }
}

fn trusted_proxies(proxies: &model::TrustedProxies) -> TrustedProxies {
    TrustedProxies {
        networks: proxies.networks.clone(),
        header: match proxies.header {
            model::ForwardedHeader::XForwardedFor => ForwardedHeader::XForwardedFor,
            model::ForwardedHeader::Forwarded => ForwardedHeader::Forwarded,
        },
    }
}

/// What a reload does not take over.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let sockets = |config: &Config| -> Vec<_> {
        let socket =
            |listener: &model::Listener| (*listener.address.value(), listener.tls.is_some());
        config.listener.iter().map(socket).collect()
    };
    let admin = |config: &Config| config.admin.as_ref().map(|admin| *admin.address.value());
    // What the limits that are taken over look like does not matter.
    let limits = |config: &Config| model::Limits {
        body_timeout: old.limits.body_timeout,
        per_address: old.limits.per_address,
        global: old.limits.global,
        allowance: old.limits.allowance,
        ..config.limits.clone()
    };
    let changed = [
        ("listener", sockets(old) != sockets(new)),
        ("admin", admin(old) != admin(new)),
        ("store", old.store.settings() != new.store.settings()),
        ("log", old.log != new.log),
        ("limits", limits(old) != limits(new)),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}
