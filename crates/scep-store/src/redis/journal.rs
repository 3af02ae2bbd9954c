//! The journal: a sorted set a kind, by number.

use scep_types::UnixTime;

use super::{Redis, unavailable};
use crate::StoreError;
use crate::journal::{Event, EventKind, EventPage, NewEvent, of_kind};
use crate::time::before;

impl Redis {
    pub(super) async fn record_events(
        &self,
        events: &[NewEvent],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let limits = &self.shared.options.limits;
        let oldest = before(now, limits.event_retention).as_secs();
        for kind in EventKind::ALL {
            let events = of_kind(events, kind);
            if events.is_empty() || limits.events == 0 {
                continue;
            }
            let mut call = self.shared.scripts.journal.prepare_invoke();
            call.key(self.shared.keys.event_numbers()).key(self.shared.keys.events(kind));
            call.arg(kind.number()).arg(limits.events as u64).arg(oldest);
            for event in events {
                call.arg(event.at.as_secs()).arg(&event.line);
            }
            let _: u8 = call
                .invoke_async(&mut self.shared.connection.clone())
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }

    pub(super) async fn page_of_events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError> {
        let oldest = before(now, self.shared.options.limits.event_retention);
        let newest = page.number().map_or("+inf".to_owned(), |number| format!("({number}"));
        let mut command = redis::cmd("ZREVRANGEBYSCORE");
        command.arg(self.shared.keys.events(kind)).arg(newest).arg("-inf");
        command.arg("LIMIT").arg(0).arg(page.most());
        let found: Vec<String> = self.shared.ask(&command).await?;
        let events = found.iter().map(|event| read(event).ok_or(StoreError::Poisoned));
        let mut events = events.collect::<Result<Vec<_>, _>>()?;
        events.retain(|event| event.at >= oldest);
        Ok(events)
    }
}

/// Number, time and line, as the script wrote them.
fn read(event: &str) -> Option<Event> {
    let (number, rest) = event.split_once(' ')?;
    let (at, line) = rest.split_once(' ')?;
    let at = UnixTime::from_secs(at.parse().ok()?);
    Some(Event::new(number.parse().ok()?, at, line.to_owned()))
}
