use std::time::Duration;

use scep_types::Secret;
use tracing::info;

use crate::cache::{Fetched, Leased, Missed};
use crate::call::{Call, Errand, Refused, Seen};
use crate::service::{
    AccessToken, Audience, ComplianceQuery, ComplianceState, Discovery, DiscoveryStep, Endpoints,
    ManagedDeviceId, TokenCredential, TokenRequest, UnsignedAssertion,
};
use crate::{CertificateCredential, Credential, CredentialError, Error, Transport};

/// How long a refused credential is the answer: it may be mended by hand.
const CREDENTIAL_REFUSED_FOR: Duration = Duration::from_secs(5);
/// How long a directory that says no is the answer.
const DIRECTORY_REFUSED_FOR: Duration = Duration::from_secs(60);
/// How long no answer is the answer: for those who asked at the same time.
const UNANSWERED_FOR: Duration = Duration::from_secs(1);
/// The longest time for which anything is remembered that is not there.
const LONGEST_MISSED: Duration = Duration::from_secs(60);

/// Tokens and places, which every call needs and few have to fetch.
impl<T: Transport> Call<'_, T> {
    pub(crate) async fn intune_token(&mut self) -> Result<Leased<AccessToken>, Error> {
        let held = self.tenant.held();
        held.intune_token.get(self.patience(), self.fetch_token(Audience::Intune)).await
    }

    pub(crate) async fn graph_token(&mut self) -> Result<Leased<AccessToken>, Error> {
        let held = self.tenant.held();
        held.graph_token.get(self.patience(), self.fetch_token(Audience::Graph)).await
    }

    pub(crate) async fn places(&mut self) -> Result<Leased<Endpoints>, Error> {
        let held = self.tenant.held();
        held.places.get(self.patience(), self.fetch_places()).await
    }

    async fn fetch_token(
        &mut self,
        audience: Audience,
    ) -> Result<Fetched<AccessToken>, Missed<Error>> {
        let fetched = self.ask_for_token(audience).await;
        let token = fetched.map_err(|error| missed(error, CREDENTIAL_REFUSED_FOR))?;
        let lifetime = token.expires_in();
        Ok(Fetched {
            renew_after: renew_after(lifetime),
            useless_after: Some(
                lifetime.saturating_sub((lifetime / 4).min(Duration::from_secs(60))),
            ),
            value: token,
        })
    }

    async fn ask_for_token(&mut self, audience: Audience) -> Result<AccessToken, Error> {
        let tenant = self.tenant;
        let (application, settings) = (tenant.application(), tenant.settings());
        let credential = tenant.credential().credential().await?;
        let assertion = match &credential {
            Credential::Certificate(certificate) => Some(self.assertion(certificate)?),
            _ => None,
        };
        let credential = match (&credential, &assertion) {
            (Credential::Secret(secret), _) => TokenCredential::Secret(secret),
            (Credential::Assertion(assertion), _) | (_, Some(assertion)) => {
                TokenCredential::Assertion(assertion)
            }
            (Credential::Certificate(_), None) => return Err(CredentialError::Invalid.into()),
        };
        let wanted = TokenRequest::new(settings, application, audience, credential)?;
        let request = wanted.to_http(self.activity);
        let asked = self.ask(&request, Errand::Supply, |response, now| wanted.read(response, now));
        asked.await.map_err(|refused| refused.error)
    }

    /// An assertion that is signed by the key of the application's certificate.
    fn assertion(&self, credential: &CertificateCredential) -> Result<Secret, Error> {
        let CertificateCredential { certificate, key, algorithm } = credential;
        let unsigned = UnsignedAssertion::new(
            self.tenant.settings(),
            self.tenant.application(),
            certificate,
            *algorithm,
            self.shared.provider.digest,
            self.shared.octets()?,
            self.shared.clock.now(),
        )?;
        let signature = key.sign(unsigned.scheme(), unsigned.to_be_signed())?;
        Ok(unsigned.assemble(&signature))
    }

    async fn fetch_places(&mut self) -> Result<Fetched<Endpoints>, Missed<Error>> {
        let mut has_new_token = false;
        loop {
            // What Entra says is remembered with the token, not here.
            let token = self.graph_token().await.map_err(|error| missed(error, Duration::ZERO))?;
            let refused = match self.read_directory(&token.value).await {
                Ok(places) => return Ok(self.found(places)),
                Err(refused) => refused,
            };
            let graph_token = &self.tenant.held().graph_token;
            match refused.seen {
                Seen::Status(401) if !has_new_token && graph_token.discard(&token) => {
                    has_new_token = true;
                    continue;
                }
                Seen::Status(401) => graph_token.settle(),
                // The permission may be granted by the time it is asked for again.
                Seen::Status(403) => drop(graph_token.discard(&token)),
                _ => {}
            }
            return Err(missed(refused.error, DIRECTORY_REFUSED_FOR));
        }
    }

    /// What Graph says of a device.
    pub(crate) async fn compliance(
        &mut self,
        device: &ManagedDeviceId,
    ) -> Result<ComplianceState, Error> {
        let mut has_new_token = false;
        loop {
            let token = self.graph_token().await?;
            let query = ComplianceQuery::new(self.tenant.settings(), device);
            let request = query.to_http(&token.value, self.activity);
            let decode = |response: &_, now| query.read(response, now);
            let refused = match self.ask(&request, Errand::Action, decode).await {
                Ok(state) => return Ok(state),
                Err(refused) => refused,
            };
            let graph_token = &self.tenant.held().graph_token;
            match refused.seen {
                Seen::Status(401) if !has_new_token && graph_token.discard(&token) => {
                    has_new_token = true;
                    continue;
                }
                Seen::Status(401) => graph_token.settle(),
                // The permission may be granted by the time it is asked for again.
                Seen::Status(403) => drop(graph_token.discard(&token)),
                _ => {}
            }
            return Err(refused.error);
        }
    }

    /// All pages; each is asked for with repeats of its own.
    async fn read_directory(&mut self, token: &AccessToken) -> Result<Endpoints, Refused> {
        let mut page = Discovery::new(self.tenant.settings());
        loop {
            let request = page.to_http(token, self.activity);
            let asked =
                self.ask(&request, Errand::Supply, |response, now| page.read(response, now));
            page = match asked.await? {
                DiscoveryStep::More(next) => next,
                DiscoveryStep::Done(endpoints) => return Ok(endpoints),
            };
        }
    }

    fn found(&mut self, places: Endpoints) -> Fetched<Endpoints> {
        let (entries, repeated) = (places.entries(), places.repeated());
        info!(entries, repeated, "directory read");
        self.has_read_directory = true;
        Fetched {
            value: places,
            renew_after: self.shared.settings.endpoint_ttl,
            useless_after: None, // better an old place than none: it is asked for again when it does not serve
        }
    }
}

/// Five minutes before the end, in the second half of a token that does not live that long.
fn renew_after(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(Duration::from_secs(5 * 60)).max(lifetime / 2)
}

fn missed(error: Error, refused_for: Duration) -> Missed<Error> {
    let answer_for = match error.retry_after() {
        Some(asked_for) => asked_for,
        None if error.is_transient() => UNANSWERED_FOR.min(refused_for),
        None => refused_for,
    };
    Missed { error, answer_for: answer_for.min(LONGEST_MISSED) }
}
