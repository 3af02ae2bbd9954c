//! What `enroll` and `renew` have in common.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use scep_client::{Client, Identity};
use scep_proto::client::{CaTrust, EnrolmentSettings, Issued, Polling, Purpose};
use scep_proto::{CaAnchor, CaCertificates};

use crate::cli::{ProtocolArgs, TrustArgs};
use crate::error::Error;
use crate::files::{Target, certificates_to_pem};
use crate::trust;

/// Where the results go; the files are there before anything is sent.
pub(super) struct Outputs {
    certificate: Target,
    ca: Option<Target>,
}

impl Outputs {
    pub(super) fn prepare(certificate: &Path, ca: Option<&Path>) -> Result<Self, Error> {
        let certificate = Target::prepare(certificate)?;
        let ca = ca.map(Target::prepare).transpose()?;
        Ok(Self { certificate, ca })
    }

    pub(super) fn write(self, issued: &Issued) -> Result<(), Error> {
        let pem = certificates_to_pem([&issued.certificate]);
        self.certificate.write_public(pem.as_bytes())?;
        match self.ca {
            Some(target) => target.write_public(ca_pem(&issued.ca).as_bytes()),
            None => Ok(()),
        }
    }
}

fn ca_pem(ca: &CaCertificates) -> String {
    certificates_to_pem(ca.certificates())
}

pub(super) fn settings(
    trust: &TrustArgs,
    protocol: &ProtocolArgs,
    purpose: Purpose,
    notes: &mut dyn Write,
) -> Result<EnrolmentSettings, Error> {
    let ca_identifier = trust.ca_identifier.clone();
    let trust = trust::trust(trust)?;
    if matches!(trust, CaTrust::Anchor(CaAnchor::TrustUnverified)) {
        let text = "WARNING: the CA is not verified; anyone on the way can read the challenge \
                    and issue the certificate";
        super::note(notes, text)?;
    }
    let mut settings = EnrolmentSettings::new(trust);
    settings.purpose = purpose;
    settings.digest = protocol.digest.map(|digest| digest.algorithm());
    settings.cipher = protocol.cipher.map(|cipher| cipher.algorithm());
    settings.policy = protocol.policy();
    settings.method = protocol.method.choice();
    settings.transaction_id = protocol.transaction_id.source();
    settings.ca_identifier = ca_identifier;
    settings.polling = Polling {
        interval: Duration::from_secs(protocol.poll_interval),
        max_polls: protocol.max_polls,
        max_time: Duration::MAX,
        by: protocol.poll_by(),
    };
    Ok(settings)
}

/// Enrols, and says on the way why it takes so long.
pub(super) async fn enrol(
    client: &Client,
    settings: EnrolmentSettings,
    identity: &Identity<'_>,
    notes: &mut dyn Write,
) -> Result<Issued, Error> {
    let progress = |progress| {
        // A remark that cannot be made is no reason to end an enrolment.
        let _ = super::note(notes, progress);
    };
    Ok(client.enrol(settings, identity, progress).await?)
}
