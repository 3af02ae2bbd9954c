use scep_types::UnixTime;

use crate::cache::Leased;
use crate::call::{Call, Errand, Refused, Seen};
use crate::service::{
    AccessToken, ActivityId, Call as Addressee, Endpoints, Failure, HttpRequest, HttpResponse,
    ServiceName,
};
use crate::{Error, Transport};

/// One of the things that the service does.
pub(crate) trait Action {
    /// What it gives.
    type Answer;

    /// Which service does it.
    const SERVICE: ServiceName;

    /// What it is called in the log.
    const NAME: &'static str;

    /// The request for it.
    fn request(&self, to: &Addressee<'_>) -> HttpRequest;

    /// What an answer says.
    fn decode(&self, answer: &Received<'_>) -> Result<Self::Answer, Failure>;
}

/// An answer, to which call, and when it came.
pub(crate) struct Received<'a> {
    pub(crate) response: &'a HttpResponse,
    pub(crate) activity_id: ActivityId,
    pub(crate) now: UnixTime,
}

/// What was replaced in a call: each thing once.
#[derive(Default)]
struct Replaced {
    token: bool,
    places: bool,
}

impl<T: Transport> Call<'_, T> {
    /// Does an action; a token or a place that does not serve is replaced once.
    pub(crate) async fn perform<A: Action>(&mut self, action: &A) -> Result<A::Answer, Error> {
        let mut replaced = Replaced::default();
        loop {
            let places = self.places().await?;
            let service = match places.value.find(A::SERVICE) {
                Ok(service) => service,
                Err(_) if self.looks_again(&places, &mut replaced) => continue,
                Err(missing) => return Err(missing.into()),
            };
            let token = self.intune_token().await?;
            let addressee = Addressee {
                settings: self.tenant.settings(),
                service,
                token: &token.value,
                activity_id: self.activity,
            };
            let refused = match self.perform_at(action, &addressee, &replaced).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            if !self.replace(&refused, &token, &places, &mut replaced) {
                return Err(refused.error);
            }
        }
    }

    async fn perform_at<A: Action>(
        &mut self,
        action: &A,
        addressee: &Addressee<'_>,
        replaced: &Replaced,
    ) -> Result<A::Answer, Refused> {
        if !self.shared.settings.bearer_hosts.admits(addressee.service) {
            let error = Error::PlaceRefused { place: addressee.service.clone() };
            return Err(Refused { error, seen: Seen::Unsent });
        }
        let request = action.request(addressee);
        let may_have_moved = !replaced.places && !self.tenant.held().places.is_settled();
        let errand = if may_have_moved { Errand::ActionAtPlaceInDoubt } else { Errand::Action };
        let activity_id = self.activity;
        self.ask(&request, errand, |response, now| {
            action.decode(&Received { response, activity_id, now })
        })
        .await
    }

    /// Replaces what the answer says does not serve. Returns whether to ask again.
    fn replace(
        &self,
        refused: &Refused,
        token: &Leased<AccessToken>,
        places: &Leased<Endpoints>,
        replaced: &mut Replaced,
    ) -> bool {
        let held = self.tenant.held();
        match refused.seen {
            Seen::Status(401) => {
                let again = !replaced.token && held.intune_token.discard(token);
                replaced.token = true;
                if !again {
                    held.intune_token.settle();
                }
                again
            }
            // The next call asks with a new token: the permission may be granted by then.
            Seen::Status(403) => {
                held.intune_token.discard(token);
                held.intune_token.settle();
                false
            }
            seen if seen.says_moved() => {
                let again = !replaced.places && held.places.suspect(places);
                replaced.places = true;
                if !again {
                    held.places.settle();
                }
                again
            }
            _ => false,
        }
    }

    /// Whether the directory is read again for a service that is not in it: once in a while.
    fn looks_again(&self, places: &Leased<Endpoints>, replaced: &mut Replaced) -> bool {
        let held = self.tenant.held();
        // What was read in this very call is not read again.
        if !self.has_read_directory && !replaced.places && held.places.suspect(places) {
            replaced.places = true;
            return true;
        }
        held.places.settle();
        false
    }
}
