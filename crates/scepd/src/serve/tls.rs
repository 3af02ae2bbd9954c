//! TLS 1.2 and 1.3 for listeners, with the backend this program chooses.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::UnixTime;

use super::keys;
use crate::config::files::Files;
use crate::config::mistake::{Fault, Findings};
use crate::config::model::Tls;
use crate::config::values::Located;

/// What a listener presents.
#[derive(Debug, Clone)]
pub(crate) struct Presented {
    pub(crate) config: Arc<ServerConfig>,
    /// When the first certificate ends.
    pub(crate) not_after: UnixTime,
}

/// What a listener presents, or a mistake.
pub(crate) fn config(
    tls: &Located<Tls>,
    files: &Files,
    findings: &mut Findings,
) -> Option<Presented> {
    let Tls { certificate, key } = tls.value();
    let chain = findings.take(certificate.span(), files.certificates(certificate.value()));
    let software = keys::software(key, files, findings);
    let (chain, software) = (chain?, software?);
    let key = findings.take(key.span(), private_key(&software))?;
    let not_after = chain.first().map(|certificate| certificate.validity().not_after)?;
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec()));
    let config = findings.take(tls.span(), server_config(chain.collect(), key))?;
    Some(Presented { config: Arc::new(config), not_after })
}

fn private_key(key: &SoftwareKey) -> Result<PrivateKeyDer<'static>, Fault> {
    let unusable = || Fault::new("no private key that TLS can use", "give a PEM key");
    let pem = key.to_pkcs8_pem().map_err(|_| unusable())?;
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable())
}

/// No client certificates: asking for them breaks Windows' SCEP client.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Fault> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let versions = builder.with_safe_default_protocol_versions();
    let config = versions
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| {
            let remedy = "give the key of the first certificate";
            Fault::new(format!("TLS cannot use this pair: {error}"), remedy)
        });
    let mut config = config?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
