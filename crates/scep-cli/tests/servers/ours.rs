//! Our server on loopback, with a static password and with signed challenges.

use std::collections::HashSet;
use std::future::pending;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use intune_challenge::signed::{
    Algorithm, Claims, Issuer as ChallengeIssuer, TrustAnchor, Verifier, VerifierConfig,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use scep_ca::{Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_server::{
    Authority, CertificateAuthority, Endpoint, EndpointConfig, Host, Mode, PeerAddress,
    RegistrationAuthority, RenewalPolicy, ScepService, router,
};
use scep_store::MemoryStore;
use scep_types::{Certificate, DigestAlgorithm, Secret};

pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A server until the process ends.
pub(crate) struct Server {
    origin: String,
    store: Arc<MemoryStore>,
    ca: Certificate,
    peers: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let store = Arc::new(MemoryStore::default());
        let authority = authority();
        let ca = authority.ca.issuer.certificate().clone();
        let host = Host::new(provider(), store.clone());
        let endpoint = |path: &str, mode| {
            let name = path.trim_start_matches("/scep/");
            let mut config = EndpointConfig::new(name, mode, authority.clone(), host.clone());
            config.path = path.to_owned();
            config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
            ScepService::new(Endpoint::new(config, scep_client::now()).unwrap())
        };
        let services = [
            endpoint("/scep/static", Mode::Static(Secret::new(PASSWORD))),
            endpoint("/scep/signed", Mode::Signed(Arc::new(verifier(&origin)))),
        ];
        let peers = Arc::<Mutex<HashSet<SocketAddr>>>::default();
        let seen = Arc::clone(&peers);
        let router = router(services).unwrap().layer(axum::middleware::map_request(
            move |request: axum::extract::Request| {
                let peer = request.extensions().get::<PeerAddress>().unwrap().0;
                seen.lock().unwrap().insert(peer);
                std::future::ready(request)
            },
        ));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                scep_server::serve(listener, router, pending()).await;
            });
        });
        Self { origin, store, ca, peers }
    }

    /// The URL of the endpoint `static` or `signed`.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        format!("{}/scep/{endpoint}", self.origin)
    }

    pub(crate) fn fingerprint(&self, algorithm: DigestAlgorithm) -> String {
        provider().digest.digest(algorithm, self.ca.der()).unwrap().to_hex().to_uppercase()
    }

    /// How many certificates it issued.
    pub(crate) fn certificates(&self) -> usize {
        self.store.usage().unwrap().certificates
    }

    /// From how many connections requests came.
    pub(crate) fn connections(&self) -> usize {
        self.peers.lock().unwrap().len()
    }

    /// A challenge that is good for one certificate of the kit's subject.
    pub(crate) fn challenge(&self, nonce: &str) -> String {
        let now = scep_client::now();
        let end = now.plus(Duration::from_secs(600));
        let mut claims = Claims::new("device-7", Secret::new(nonce), now, end);
        claims.audience = Some(self.url("signed"));
        claims.device_name = Some("scep-conformance".to_owned());
        let key = Arc::new(key("rsa2048-anchor"));
        let issuer = ChallengeIssuer::new(key, Algorithm::Rs256, None).unwrap();
        issuer.mint(&claims).unwrap().expose().to_owned()
    }
}

fn key_pem(name: &str) -> String {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn key(name: &str) -> SoftwareKey {
    SoftwareKey::from_pkcs8_pem(&key_pem(name)).unwrap()
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params
}

/// A CA with an RA beside it, as an operator would make them.
fn authority() -> Authority {
    let mut params = named("Test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pair = KeyPair::from_pem(&key_pem("rsa2048-ca")).unwrap();
    let ca = parse(&params.self_signed(&pair).unwrap());
    let signer = Issuer::new(params, pair);
    let mut params = named("Test RA");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pair = KeyPair::from_pem(&key_pem("rsa2048-ra")).unwrap();
    let ra = parse(&params.signed_by(&pair, &signer).unwrap());
    let issuer = scep_ca::Issuer::new(ca, provider().digest, scep_client::now()).unwrap();
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    Authority {
        ca: CertificateAuthority::root(issuer, Arc::new(key("rsa2048-ca"))),
        ra: RegistrationAuthority::new(ra, Arc::new(key("rsa2048-ra"))),
        profiles: Profiles::new(Profile::new(ProfileConfig::new(month)).unwrap()),
    }
}

fn verifier(origin: &str) -> Verifier {
    let pair = KeyPair::from_pem(&key_pem("rsa2048-anchor")).unwrap();
    let mdm = parse(&named("MDM").self_signed(&pair).unwrap());
    let anchor = TrustAnchor::from_certificate(mdm.der().clone()).unwrap();
    let config = VerifierConfig::new(vec![anchor], Some(format!("{origin}/scep/signed")));
    Verifier::new(config, &provider()).unwrap()
}

fn parse(certificate: &rcgen::Certificate) -> Certificate {
    Certificate::parse(certificate.der().to_vec()).unwrap()
}
