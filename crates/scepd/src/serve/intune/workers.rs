//! What works beside the endpoints: notifications, revocations, CRLs. It is replaced at a reload; what is on its way ends
//! on its own.

use std::future::Future;
use std::time::Duration;

use scep_server::{
    Clock as _, Emptied, OutboxWorker, RevocationSettings, RevocationWorker, SystemClock,
};
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::{Intune, doctor};
use crate::serve::assembly::{Crl, Door};

/// How often it is looked whether a CRL is due, at most.
const LOOK: Duration = Duration::from_secs(60);

/// The tasks beside the endpoints.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    tasks: JoinSet<()>,
    stop: Option<Sender<bool>>,
}

impl Workers {
    /// Starts those of these endpoints and tells the earlier ones to end.
    pub(crate) fn replace(&mut self, doors: &[Door]) {
        while self.tasks.try_join_next().is_some() {}
        let (stop, stopped) = channel(false);
        if let Some(earlier) = self.stop.replace(stop) {
            let _ = earlier.send(true); // nobody listens if there are none
        }
        for door in doors {
            self.start(door, &stopped);
        }
    }

    /// Tells all to end, and waits until they have.
    pub(crate) async fn end(&mut self) {
        self.stop = None; // which says the same as `true`
        while self.tasks.join_next().await.is_some() {}
    }

    fn start(&mut self, door: &Door, stopped: &Receiver<bool>) {
        let stop = || told(stopped.clone());
        for crl in door.crls() {
            self.tasks.spawn(renew(crl.clone(), stop()));
        }
        let Some(intune) = &door.intune else { return };
        let (name, examined, stopping) = (door.endpoint.name().to_owned(), intune.clone(), stop());
        self.tasks.spawn(async move {
            tokio::select! {
                () = doctor::report(&name, &examined) => (),
                () = stopping => (),
            }
        });
        if let Some(outbox) = outbox(door) {
            self.tasks.spawn(outbox.run(stop()));
        }
        if let Some(revocation) = revocation(door, intune) {
            self.tasks.spawn(revocation.run(stop()));
        }
    }
}

/// Makes the first CRL of each endpoint that has one, so that nobody who asks for it has to come again.
pub(crate) async fn publish(doors: &[Door]) {
    for door in doors {
        for crl in door.crls() {
            if let Err(error) = crl.publisher.publish(SystemClock.now()).await {
                tracing::error!(endpoint = door.endpoint.name(), %error, "there is no CRL yet");
            }
        }
    }
}

/// Sends what is due now, before the program ends; what fails is sent after the next start.
pub(crate) async fn empty(doors: &[Door]) {
    for outbox in doors.iter().filter_map(outbox) {
        while outbox.run_once().await.is_ok_and(|emptied| emptied != Emptied::default()) {}
    }
}

fn outbox(door: &Door) -> Option<OutboxWorker> {
    door.intune.as_ref()?;
    OutboxWorker::new(&door.endpoint).ok() // which fails for other modes only
}

fn revocation(door: &Door, intune: &Intune) -> Option<RevocationWorker> {
    let mut settings = RevocationSettings::default();
    settings.interval = intune.revocation?;
    let publisher = door.crl.as_ref()?.publisher.clone();
    let mut worker = RevocationWorker::new(&door.endpoint, intune.service.clone(), publisher);
    if let Some(next) = &door.next_crl {
        worker = worker.with_next_publisher(next.publisher.clone());
    }
    Some(worker.with_settings(settings))
}

async fn renew(crl: Crl, stop: impl Future<Output = ()>) {
    let Crl { publisher, lifetime, .. } = crl;
    let often = (lifetime / 10).clamp(Duration::from_secs(1), LOOK);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = tokio::time::sleep(often) => (),
            () = &mut stop => return,
        }
        let now = SystemClock.now();
        if publisher.is_due(now)
            && let Err(error) = publisher.publish(now).await
        {
            tracing::error!(%error, "the CRL was not renewed");
        }
    }
}

/// Is ready once it is time to end.
async fn told(mut stopped: Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await; // a sender that is gone means the same
}
