//! `intune-sim serve`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use intune_sim::{App, ClientSecret, NotificationPolicy, Simulator, SimulatorConfig, Tenant};
use scep_crypto::aws_lc_rs;
use scep_types::{Secret, UnixTime};

use crate::cli::{FailureKind, ServeArgs};

/// Serves until it is interrupted.
pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    let config = config(args)?;
    let tenants = config.tenants.clone();
    let address = args.listen;
    let explain = || format!("listening on {address} and the four ports after it");
    let simulator = Simulator::start(config).await.with_context(explain)?;
    for failure in &args.fail {
        match &failure.kind {
            FailureKind::Refused => simulator.refuse(failure.endpoint.host()).await,
            FailureKind::Fault(fault, times) => {
                simulator.inject(failure.endpoint, fault.clone(), *times);
            }
        }
    }
    write!(std::io::stdout(), "{}", settings(&simulator, &tenants))?;
    tokio::signal::ctrl_c().await.context("waiting for an interrupt")
}

fn config(args: &ServeArgs) -> Result<SimulatorConfig> {
    let mut config = SimulatorConfig::new(aws_lc_rs::provider());
    config.listen = args.listen;
    config.token_lifetime = Duration::from_secs(args.token_lifetime);
    if args.strict {
        config.notification_policy = NotificationPolicy::AfterValidation;
    }
    if args.cool_down > 0 {
        config.revocation_cool_down = Some(Duration::from_secs(args.cool_down.saturating_mul(60)));
    }
    for (id, domain) in &args.tenant {
        config.tenants.push(tenant(id, domain)?);
    }
    Ok(config)
}

/// A tenant with an app of the same id and a fresh secret that never ends.
fn tenant(id: &str, domain: &str) -> Result<Tenant> {
    let mut drawn = [0; 20];
    aws_lc_rs::provider().random.fill(&mut drawn)?;
    let secret: String = drawn.iter().map(|octet| format!("{octet:02x}")).collect();
    let mut app = App::new(id);
    let forever = UnixTime::from_secs(i64::MAX);
    let value = Secret::new(secret);
    app.secrets.push(ClientSecret { id: "secret-id-1".to_owned(), value, expires: forever });
    let mut tenant = Tenant::new(id, domain);
    tenant.apps.push(app);
    Ok(tenant)
}

/// What a SCEP server is told, a setting a line. The secrets are simulated ones.
fn settings(simulator: &Simulator, tenants: &[Tenant]) -> String {
    let urls = simulator.urls();
    let mut text = String::new();
    for tenant in tenants {
        text.push_str(&format!("# {}\ntenant = \"{}\"\n", tenant.domain, tenant.id));
        for app in &tenant.apps {
            text.push_str(&format!("client_id = \"{}\"\n", app.client_id));
            for secret in &app.secrets {
                text.push_str(&format!("client_secret = \"{}\"\n", secret.value.expose()));
            }
        }
    }
    text.push_str(&format!(
        "# in place of Microsoft's hosts\n\
         authority = \"{}\"\ngraph = \"{}\"\ngraph_scope = \"{}\"\nintune_scope = \"{}\"\n\
         # devices, faults, time and what was received\n\
         control = \"{}\"\n\
         # for example: intune-sim device --family windows --url SCEP_URL --sim {}\n",
        urls.login, urls.graph, urls.graph_scope, urls.intune_scope, urls.control, urls.control
    ));
    text
}
