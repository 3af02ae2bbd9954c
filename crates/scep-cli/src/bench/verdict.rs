use std::time::Duration;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{CertRep, ReplyCheck};
use scep_proto::{CaCertificates, FailInfo, FallbackKey};
use scep_types::{AlgorithmPolicy, SigningKey};
use zeroize::Zeroizing;

use super::cores::on_all_cores;
use super::fleet::{Device, Fleet};
use super::load::Answered;
use crate::error::Error;

/// What became of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has its certificate, after so long.
    Issued(Duration),
    Failed(Kind),
}

/// Why a device has no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Kind {
    #[error("{0}")]
    Transport(scep_client::Failure),
    #[error("HTTP {0}")]
    Http(u16),
    #[error("FAILURE{}", .0.map(|info| format!(", {info}")).unwrap_or_default())]
    Refused(Option<FailInfo>),
    #[error("PENDING")]
    Pending,
    #[error("another certificate than was asked for")]
    OtherCertificate,
    #[error("{0}")]
    Other(scep_client::Error),
}

impl Kind {
    /// Whether the server wants less of us at a time.
    pub(crate) fn is_limit(&self) -> bool {
        matches!(self, Self::Http(429 | 503))
    }
}

/// Opens all answers; nothing is called a success before its certificate is seen to be the device's own and the CA's.
///
/// # Errors
/// A key of ours failed, or there is no randomness.
pub(crate) fn judge(
    fleet: &Fleet,
    ca: &CaCertificates,
    policy: AlgorithmPolicy,
    answered: &[Answered],
) -> Result<Vec<Verdict>, Error> {
    on_all_cores(answered, |answered| {
        let body = match &answered.answer {
            Err(scep_client::Error::Transport { failure, .. }) => {
                return Ok(Verdict::Failed(Kind::Transport(*failure)));
            }
            Err(error) => return Ok(Verdict::Failed(Kind::Other(error.clone()))),
            Ok(answer) if !answer.is_success() => {
                return Ok(Verdict::Failed(Kind::Http(answer.status)));
            }
            Ok(answer) => answer.body.clone(),
        };
        let Some(device) = fleet.devices.get(answered.device) else {
            return Ok(Verdict::Failed(Kind::OtherCertificate));
        };
        Ok(match open(device, ca, policy, body)? {
            Ok(()) => Verdict::Issued(answered.took),
            Err(kind) => Verdict::Failed(kind),
        })
    })
}

fn open(
    device: &Device,
    ca: &CaCertificates,
    policy: AlgorithmPolicy,
    body: Bytes,
) -> Result<Result<(), Kind>, Error> {
    let provider = provider();
    let mut drawn = Zeroizing::new([0; _]);
    provider.random.fill(&mut *drawn)?;
    let check = ReplyCheck { ca, key: &*device.key, provider: &provider, policy };
    Ok(match device.awaiting.receive(body, check, &FallbackKey::new(*drawn)) {
        Ok(CertRep::Success { certificates, .. }) => {
            let spki = SigningKey::spki(&*device.key);
            let ours = certificates.iter().find(|certificate| certificate.spki() == spki);
            let issued = ours.is_some_and(|certificate| ca.issued(certificate, &provider));
            if issued { Ok(()) } else { Err(Kind::OtherCertificate) }
        }
        Ok(CertRep::Failure { fail_info, .. }) => Err(Kind::Refused(fail_info)),
        Ok(CertRep::Pending) => Err(Kind::Pending),
        Err(error) => Err(Kind::Other(error.into())),
    })
}
