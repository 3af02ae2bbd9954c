//! A process that dies between two steps: everything it does goes through here, and stops for good at one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use intune_challenge::service::{Enrolment, Validated};
use scep_server::{Answered, FailureReport, IntuneService};
use scep_types::Certificate;
use tokio::sync::Notify;

use super::intune::Intune;

pub(crate) struct Crash {
    left: AtomicUsize,
    died: Notify,
}

impl Crash {
    /// Dies at this step, counted from 0: each verb of the store and each call of the service is two, before and after.
    pub(crate) fn at(step: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(step), died: Notify::new() })
    }

    pub(crate) fn never() -> Arc<Self> {
        Self::at(usize::MAX)
    }

    pub(crate) async fn step(&self) {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)));
        if left == Ok(0) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// What the process made of its work, or `None` if it died at it.
    pub(crate) async fn survive<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            done = work => Some(done),
        }
    }
}

/// The way from the process to the service.
pub(crate) struct Wire {
    pub(crate) service: Arc<Intune>,
    pub(crate) crash: Arc<Crash>,
}

#[async_trait]
impl IntuneService for Wire {
    async fn validate(&self, enrolment: &Enrolment) -> Answered<Validated> {
        self.crash.step().await;
        let answered = self.service.validate(enrolment).await;
        self.crash.step().await;
        answered
    }

    async fn notify_issued(
        &self,
        enrolment: &Enrolment,
        certificate: &Certificate,
    ) -> Answered<()> {
        self.crash.step().await;
        let answered = self.service.notify_issued(enrolment, certificate).await;
        self.crash.step().await;
        answered
    }

    async fn notify_failed(&self, enrolment: &Enrolment, report: &FailureReport) -> Answered<()> {
        self.crash.step().await;
        let answered = self.service.notify_failed(enrolment, report).await;
        self.crash.step().await;
        answered
    }
}
