//! The verbs of the outbox, asked of the store.

use scep_store::outbox::Attempted;
use scep_store::{EndpointId, LeasedNotice, NewNotice, NoticeBody, NoticeClaim, NoticeLease};
use scep_types::UnixTime;

use super::reference::{self, Seen, Sent};
use super::{Op, Pair, certificate, done, seconds, serial, whole};

impl Pair {
    pub(crate) async fn notice(&mut self, op: &Op, now: UnixTime) -> Seen {
        match *op {
            Op::LeaseNotices(most) => {
                let endpoint = EndpointId::new("devices").unwrap();
                let lease = seconds(reference::NOTICE_LEASE);
                let leased = self.store.lease_notices(&endpoint, most, lease, now).await.unwrap();
                self.leased(&leased)
            }
            Op::ClaimNotice(back) => {
                let Some((number, _)) = nth_last(&self.leases, back) else { return Seen::Nothing };
                let lease = seconds(reference::NOTICE_LEASE);
                let claim = self.store.claim_notice(&certificate(number).id, lease, now).await;
                match claim.unwrap() {
                    NoticeClaim::Leased(leased) => self.leased(&[leased]),
                    NoticeClaim::Busy { retry_after } => Seen::Busy(whole(retry_after)),
                    NoticeClaim::Delivered => Seen::Delivered,
                    NoticeClaim::GivenUp => Seen::GivenUp,
                    NoticeClaim::Nothing => Seen::Nothing,
                }
            }
            Op::SettleNotice(back, sent) => match nth_last(&self.leases, back) {
                Some((number, attempt)) => {
                    let lease = NoticeLease { certificate: certificate(number).id, attempt };
                    let until = now.plus(seconds(reference::POSTPONED));
                    let outcome = match sent {
                        Sent::Delivered => Attempted::Delivered,
                        Sent::Failed => Attempted::Postponed { until },
                        Sent::Refused => Attempted::GivenUp,
                    };
                    done(self.store.settle_notice(&lease, outcome).await)
                }
                None => Seen::Nothing,
            },
            _ => Seen::Nothing, // none of the outbox
        }
    }

    fn leased(&mut self, leased: &[LeasedNotice]) -> Seen {
        let leases: Vec<_> = leased
            .iter()
            .map(|leased| (serial(&leased.issued.certificate), leased.lease.attempt))
            .collect();
        assert!(leased.iter().all(|leased| leased.body.expose() == b"notice"));
        self.leases.extend(&leases);
        Seen::Leased(leases)
    }
}

pub(crate) fn new_notice() -> NewNotice {
    let (lease, keep) = (reference::NOTICE_LEASE, reference::NOTICE_KEPT);
    NewNotice::new(NoticeBody::new(b"notice").unwrap(), seconds(lease), seconds(keep)).unwrap()
}

pub(crate) fn nth_last(leases: &[(u32, u32)], back: usize) -> Option<(u32, u32)> {
    leases.get(leases.len().checked_sub(back + 1)?).copied()
}
