use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How fast a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once, with a Content-Length.
    AtOnce,
    /// In chunks, so long apart.
    Slowly(Duration),
}

/// A body, at its pace.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    rest: Bytes,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
}

impl AnswerBody {
    /// Octets of a chunk that comes slowly.
    const CHUNK: usize = 16;

    pub(crate) fn new(body: Bytes, pace: Pace) -> Self {
        Self { rest: body, pace, pause: None }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = self.pause.as_mut() {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let octets = match self.pace {
            Pace::AtOnce => self.rest.len(),
            Pace::Slowly(pause) => {
                self.pause = Some(Box::pin(sleep(pause)));
                Self::CHUNK.min(self.rest.len())
            }
        };
        let chunk = self.rest.split_to(octets);
        Poll::Ready(if chunk.is_empty() { None } else { Some(Ok(Frame::data(chunk))) })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.pace {
            Pace::AtOnce => SizeHint::with_exact(self.rest.len() as u64),
            Pace::Slowly(_) => SizeHint::default(), // unknown, and so chunked
        }
    }
}
