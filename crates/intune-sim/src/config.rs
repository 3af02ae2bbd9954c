use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use scep_types::{CryptoProvider, Secret};

use crate::clock::SimulatedClock;
use crate::directory::{App, ClientSecret, ManagedDevice, Permission, Profile, Tenant, User};
use crate::http::DiscoveryQuirk;
use crate::spec::AltName;
use crate::state::NotificationPolicy;

/// With what a simulator starts; [`SimulatorConfig::new`] has a tenant, an app, a device, a user and a profile.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SimulatorConfig {
    /// The crypto.
    pub provider: CryptoProvider,
    /// Where to listen. Port 0 takes any free ports; another is the first of five in a row.
    pub listen: SocketAddr,
    /// The tenants; the first is the one that [`Simulator::credentials`](crate::Simulator::credentials) is for.
    pub tenants: Vec<Tenant>,
    /// The devices.
    pub devices: Vec<ManagedDevice>,
    /// The profiles.
    pub profiles: Vec<Profile>,
    /// What time it is.
    pub clock: SimulatedClock,
    /// How long tokens are taken.
    pub token_lifetime: Duration,
    /// How the list of service endpoints differs from the usual one.
    pub discovery_quirks: Vec<DiscoveryQuirk>,
    /// Whether a notification needs a validation before it.
    pub notification_policy: NotificationPolicy,
    /// How long the revocation queue is empty after a download; Intune is said to wait 60 minutes.
    pub revocation_cool_down: Option<Duration>,
    /// The resource of Microsoft Graph, without a slash at its end.
    pub graph_resource: String,
    /// The resource of Intune, without a slash at its end.
    pub intune_resource: String,
    /// How many requests are remembered.
    pub remembered_requests: usize,
}

impl SimulatorConfig {
    /// The tenant's id unless said otherwise.
    pub const TENANT: &str = "11111111-2222-4333-8444-555555555555";
    /// The client id unless said otherwise.
    pub const CLIENT_ID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

    /// A tenant `contoso.example` with one app, `device-1` of Alice, and `profile-1` for everyone.
    #[must_use]
    pub fn new(provider: CryptoProvider) -> Self {
        let clock = SimulatedClock::default();
        let mut app = App::new(Self::CLIENT_ID);
        app.permissions.push(Permission::GraphManagedDevicesReadAll);
        app.permissions.push(Permission::GraphDeviceReadAll);
        let value = Secret::new("simulated~client.secret_value-for.tests");
        app.secrets.push(ClientSecret::new("secret-id-1", value, clock.now()));
        let mut tenant = Tenant::new(Self::TENANT, "contoso.example");
        tenant.apps.push(app);
        Self {
            provider,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            devices: vec![default_device(&tenant.id)],
            profiles: default_profile().into_iter().collect(),
            tenants: vec![tenant],
            clock,
            token_lifetime: Duration::from_secs(3599),
            discovery_quirks: Vec::new(),
            notification_policy: NotificationPolicy::default(),
            revocation_cool_down: None,
            graph_resource: "https://graph.microsoft.com".to_owned(),
            intune_resource: "https://api.manage.microsoft.com".to_owned(),
            remembered_requests: 4096,
        }
    }
}

fn default_device(tenant: &str) -> ManagedDevice {
    let mut device = ManagedDevice::new(tenant, "device-1");
    device.user = Some(User {
        name: "alice".to_owned(),
        principal_name: "alice@contoso.example".to_owned(),
        email: "alice@contoso.example".to_owned(),
        on_premises_sid: String::new(),
    });
    device
}

fn default_profile() -> Option<Profile> {
    let mut profile = Profile::new("profile-1", "CN={{DeviceName}},O=Contoso").ok()?;
    profile.alt_names = vec![
        AltName::Upn("{{UserPrincipalName}}".to_owned()),
        AltName::Uri("IntuneDeviceId://{{DeviceId}}".to_owned()),
    ];
    Some(profile)
}
