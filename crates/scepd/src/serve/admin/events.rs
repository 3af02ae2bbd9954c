//! What happened lately, on all nodes.

use axum::http::StatusCode;
use scep_store::{EventKind, EventPage, StoreError};
use scep_types::UnixTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Answered};
use crate::serve::server::Server;

/// Events that are shown at once, if nobody says otherwise.
const USUALLY_SHOWN: usize = 200;

/// Which part of the journal is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// How many.
    most: Option<usize>,
    /// What the page before gave as `next`.
    before: Option<u64>,
}

impl Wanted {
    fn page(&self) -> Result<EventPage, Answer> {
        let page = EventPage::newest(self.most.unwrap_or(USUALLY_SHOWN));
        let page = page.map_err(|error| Answer::error(StatusCode::BAD_REQUEST, &error))?;
        Ok(self.before.map_or(page, |number| page.before(number)))
    }
}

/// Decisions of all nodes; without a journal, or while the store is away, those that this node remembers.
pub(super) async fn decisions(server: &Server, wanted: &Wanted, now: UnixTime) -> Answered {
    let page = wanted.page()?;
    let remembered = || {
        let recent = server.watch.recent(page.most());
        Answer::ok(json!({ "decisions": recent, "next": null, "from": "this node" }))
    };
    match read(server, EventKind::Decision, &page, now).await {
        None => remembered(),
        Some(Err(error)) => {
            tracing::warn!(%error, "the journal cannot be read");
            remembered()
        }
        Some(Ok((shown, next))) => {
            Answer::ok(json!({ "decisions": shown, "next": next, "from": "all nodes" }))
        }
    }
}

/// What operators did, on all nodes.
pub(super) async fn actions(server: &Server, wanted: &Wanted, now: UnixTime) -> Answered {
    match read(server, EventKind::Action, &wanted.page()?, now).await {
        None => Err(Answer::error(StatusCode::NOT_FOUND, &"the store keeps no journal")),
        Some(Err(error)) => Err(Answer::store(&error)),
        Some(Ok((shown, next))) => Answer::ok(json!({ "actions": shown, "next": next })),
    }
}

type Page = (Vec<Value>, Option<u64>);

/// A page of the journal and the number before which the next one begins, if there is a journal.
async fn read(
    server: &Server,
    kind: EventKind,
    page: &EventPage,
    now: UnixTime,
) -> Option<Result<Page, StoreError>> {
    let journal = server.watch.journal.get()?;
    journal.settle().await;
    Some(server.host.store.events(kind, page, now).await.map(|events| {
        let last = events.last().filter(|_| events.len() == page.most());
        let next = last.map(|event| event.number);
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| json!(line));
        (events.iter().map(|event| line(&event.line)).collect(), next)
    }))
}
