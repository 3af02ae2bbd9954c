//! What `enroll`, `renew` and other commands that send messages have in common.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use scep_client::{Client, Identity};
use scep_proto::client::{CaTrust, EnrolmentSettings, Issued, Polling, Purpose};
use scep_proto::{CaAnchor, CaCertificates};
use scep_types::Certificate;

use crate::cli::{EnrolmentArgs, MessageArgs, TrustArgs};
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

    pub(super) fn write(self, certificate: &Certificate, ca: &CaCertificates) -> Result<(), Error> {
        let pem = certificates_to_pem([certificate]);
        self.certificate.write_public(pem.as_bytes())?;
        match self.ca {
            Some(target) => target.write_public(certificates_to_pem(ca.certificates()).as_bytes()),
            None => Ok(()),
        }
    }
}

/// The settings of an enrolment.
pub(super) fn settings(
    args: &EnrolmentArgs,
    purpose: Purpose,
    notes: &mut dyn Write,
) -> Result<EnrolmentSettings, Error> {
    let mut settings = message_settings(&args.trust, &args.message, notes)?;
    settings.purpose = purpose;
    settings.transaction_id = args.transaction_id.source();
    settings.polling = Polling {
        interval: Duration::from_secs(args.poll_interval),
        max_polls: args.max_polls,
        max_time: Duration::MAX,
        by: args.poll_by(),
    };
    Ok(settings)
}

/// The settings that every message needs; says so where the CA is not verified.
pub(super) fn message_settings(
    trust: &TrustArgs,
    message: &MessageArgs,
    notes: &mut dyn Write,
) -> Result<EnrolmentSettings, Error> {
    let ca_identifier = trust.ca_identifier.clone();
    let mut settings = plain_settings(verified_or_warned(trust, notes)?, message);
    settings.ca_identifier = ca_identifier;
    Ok(settings)
}

/// The settings of messages to a CA that is known by this.
pub(super) fn plain_settings(trust: CaTrust, message: &MessageArgs) -> EnrolmentSettings {
    let mut settings = EnrolmentSettings::new(trust);
    settings.digest = message.digest.map(|digest| digest.algorithm());
    settings.cipher = message.cipher.map(|cipher| cipher.algorithm());
    settings.policy = message.policy();
    settings.method = message.method.choice();
    settings
}

/// How the CA is known; a warning if it is not at all.
pub(super) fn verified_or_warned(
    trust: &TrustArgs,
    notes: &mut dyn Write,
) -> Result<CaTrust, Error> {
    let trust = trust::trust(trust)?;
    if matches!(trust, CaTrust::Anchor(CaAnchor::TrustUnverified)) {
        let text = "WARNING: the CA is not verified; anyone on the way can read the challenge \
                    and issue the certificate";
        super::note(notes, text)?;
    }
    Ok(trust)
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
