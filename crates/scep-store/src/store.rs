use std::time::Duration;

use async_trait::async_trait;
use scep_types::UnixTime;

use crate::StoreError;
use crate::answer::{Begun, PendingRequest, Polled};
use crate::certificate::{
    IssuedCertificate, NewCertificate, Revocation, Revoked, RevokedCertificate,
};
use crate::ids::{CertificateId, EndpointId, Operator, RequestId, Sha256, TransactionKey};
use crate::journal::{Event, EventKind, EventPage, NewEvent};
use crate::lookup::{CertificatePage, CertificatesOf};
use crate::notice::{LeasedNotice, NewNotice, NoticeClaim, NoticeLease};
use crate::outbox::Attempted;
use crate::password::{OneTimePassword, Withdrawn};
use crate::request::{Begin, NewPending, Rejection, Reservation, Terms};

/// The state of enrolment: which challenge was used, which request was answered how, which certificates exist.
///
/// **Each verb is one atomic step, and fails closed.** It either did what it says or, on any error but
/// [`StoreError::Unavailable`], did nothing; after that one it is unknown, and the caller must neither issue nor answer
/// with a certificate. No verb ever forgets something live to make room.
///
/// *Clocks.* `now` is the caller's. Nodes that share a store may differ by the tolerance its backend is set to: a used
/// challenge is kept that much longer than its own expiry. Leases and windows end earlier or later by the difference; a
/// reservation that a fast clock took over is lost to its holder, never shared.
///
/// *Order.* [`begin`](Self::begin) comes after everything that can refuse a request and directly before signing;
/// [`recall`](Self::recall) is for a request that failed authorisation, since an earlier copy of it may have been answered.
#[async_trait]
pub trait EnrolmentStore: Send + Sync {
    /// Reserves a request: its transaction, its challenge and a slot of each limit, or says why not.
    ///
    /// The rules are [`Transaction::begin`](crate::transition::Transaction::begin), [`rate::decide`](crate::rate::decide) and
    /// [`allowance::decide`](crate::allowance::decide). All requests of an endpoint write what is used of its allowance, and all of
    /// the store that of the global one: with PostgreSQL and Redis those that come at the same moment run again, one after the
    /// other, so an allowance bounds how many reservations a second there are. Commits do not touch it.
    /// Whatever is refused changes nothing. On failure do not issue: at worst a challenge and a slot are held until the
    /// lease ends. A duplicate costs nothing: it is `Busy`, `Pending` or `Same`, and takes no slot.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::ChallengeOver`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn begin(&self, begin: &Begin, now: UnixTime) -> Result<Begun, StoreError>;

    /// What the same request may do without being authorised again: `Same` or `Approved`, else `None`.
    ///
    /// The same request is the same transaction, signer key and CSR, all three verified. It lets the retry after a lost
    /// reply succeed although its challenge has ended since. On failure refuse. A duplicate costs nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn recall(
        &self,
        request: &RequestId,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Option<Begun>, StoreError>;

    /// Records the certificate: the transaction is issued, the challenge used, the slot taken, the certificate known, and
    /// what is to be told about it queued.
    ///
    /// Only a certificate whose commit succeeded may leave. On [`StoreError::Unavailable`] it may or may not be recorded:
    /// do not deliver it; the client's retry gets it, or after the lease a new one. A duplicate cannot happen: the
    /// reservation is used up.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]: discard the certificate. [`StoreError::DuplicateSerial`], and [`StoreError::Full`] if
    /// there is no room for the notice: nothing is recorded and the reservation is released. [`StoreError::Poisoned`],
    /// [`StoreError::Unavailable`].
    async fn commit(
        &self,
        reservation: Reservation,
        certificate: NewCertificate,
        notice: Option<NewNotice>,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Queues the request for an operator; its challenge and slot stay taken while it waits.
    ///
    /// It is forgotten at its expiry, and its challenge is free again. On failure answer with a refusal or an HTTP
    /// error. A duplicate costs nothing: the same request is `Same(Pending)`, and the queue has it once.
    ///
    /// # Errors
    /// [`StoreError::Full`]: the reservation is released. [`StoreError::LeaseLost`], [`StoreError::Poisoned`],
    /// [`StoreError::Unavailable`].
    async fn pend(
        &self,
        reservation: Reservation,
        pending: NewPending,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Refuses the request for good: polls learn the refusal, the challenge is free again, the slot stays taken.
    ///
    /// The same request again is looked at afresh. On failure refuse all the same; the reservation ends with its lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn reject(
        &self,
        reservation: Reservation,
        rejection: Rejection,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Undoes [`begin`](Self::begin): transaction, challenge and slot are as they were; an approval stays.
    ///
    /// On failure the reservation ends with its lease, to the same effect.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]: there was nothing left to undo. [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn release(&self, reservation: Reservation, now: UnixTime) -> Result<(), StoreError>;

    /// Answers a CertPoll (RFC 8894 §4.4) signed with `signer_key`, and hands an approved request to exactly one poller.
    ///
    /// An unknown id and a wrong key get the same answer. On failure answer with an HTTP error, not with a failInfo: the
    /// client would give up. A duplicate costs nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn poll(
        &self,
        transaction: &TransactionKey,
        signer_key: &Sha256,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Polled, StoreError>;

    /// The requests of an endpoint that wait for an operator or for being fetched, those that end first at the front.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn list_pending(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<PendingRequest>, StoreError>;

    /// Approves exactly the request that was seen; a CSR that superseded it is not covered.
    ///
    /// On failure show it as undecided. A duplicate changes nothing: the first operator's name stays.
    ///
    /// # Errors
    /// [`StoreError::NotPending`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn approve(
        &self,
        request: &RequestId,
        operator: &Operator,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Denies exactly the request that was seen, even if approved, unless it is being issued; its challenge is free again.
    ///
    /// Polls and the same request learn the refusal for the replay window of `terms`. On failure show it as undecided.
    ///
    /// # Errors
    /// [`StoreError::NotPending`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn deny(
        &self,
        request: &RequestId,
        rejection: Rejection,
        terms: Terms,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// The certificate if it was issued here: by which endpoint, on which authorisation, and whether it was revoked.
    ///
    /// On failure do not renew. Compare the DER: a serial number alone proves nothing.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn certificate_by_serial(
        &self,
        id: &CertificateId,
    ) -> Result<Option<IssuedCertificate>, StoreError>;

    /// A page of the certificates of a key or a device that have not ended long ago, newest first, revoked ones included.
    ///
    /// They are found by an index, whatever else the store holds; those of all endpoints and issuers are among them. On
    /// failure show none.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn certificates(
        &self,
        of: &CertificatesOf,
        page: &CertificatePage,
        now: UnixTime,
    ) -> Result<Vec<IssuedCertificate>, StoreError>;

    /// Revokes a certificate for good. A duplicate changes nothing and learns the first revocation.
    ///
    /// On failure it may or may not be revoked: ask again.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn revoke(
        &self,
        id: &CertificateId,
        revocation: Revocation,
    ) -> Result<Revoked, StoreError>;

    /// The lines of an issuer's CRL, by serial number. On failure publish no CRL: the last one stands.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn revoked(&self, issuer: &Sha256) -> Result<Vec<RevokedCertificate>, StoreError>;

    /// Leases the notices of an endpoint that are due, at most `most` of them, those due for longest first.
    ///
    /// The rule is [`Notice::is_due`](crate::outbox::Notice::is_due). Each one is the caller's until `lease` is over, and
    /// then another's: a sender that dies is replaced. What is sent twice because of that, the receiver must bear. On
    /// failure nothing is to be sent; what was leased all the same is found again when its lease is over.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a `most` of none or more than [`MAX_LEASED_NOTICES`], or a lease of less than a
    /// second. [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn lease_notices(
        &self,
        endpoint: &EndpointId,
        most: usize,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Vec<LeasedNotice>, StoreError>;

    /// Leases the notice of one certificate, due or not, unless someone is sending it, or says what became of it.
    ///
    /// The rule is [`Notice::claim`](crate::outbox::Notice::claim): for the client that comes again for a certificate
    /// that may not leave before the notice. On failure do not deliver. A duplicate is `Busy`.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a lease of less than a second. [`StoreError::Poisoned`],
    /// [`StoreError::Unavailable`].
    async fn claim_notice(
        &self,
        certificate: &CertificateId,
        lease: Duration,
        now: UnixTime,
    ) -> Result<NoticeClaim, StoreError>;

    /// Says what became of a leased notice. Delivered or given up, its body is forgotten; its state stays with the
    /// certificate.
    ///
    /// The rule is [`Notice::settled`](crate::outbox::Notice::settled). On failure it is sent again when the lease is
    /// over: a certificate that waits for its notice must wait on. A duplicate of `Delivered` changes nothing.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another has it, if it is settled otherwise, or if there is none.
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn settle_notice(
        &self,
        lease: &NoticeLease,
        outcome: Attempted,
    ) -> Result<(), StoreError>;

    /// Keeps a one-time password, unless its endpoint has `most` already that can still be used.
    ///
    /// Used, expired and withdrawn ones do not count. It is used by [`begin`](Self::begin), as the challenge of its key;
    /// so a lost reply, a failure and a second CSR are what they are for every challenge. On failure do not show it: it
    /// may be kept, and can be withdrawn. A duplicate is refused.
    ///
    /// # Errors
    /// [`StoreError::Full`]: of [`LivePasswords`](crate::Capacity::LivePasswords) or of
    /// [`Passwords`](crate::Capacity::Passwords). [`StoreError::DuplicatePassword`]; [`StoreError::OutOfRange`] for a
    /// `most` of none or more than [`MAX_LIVE_PASSWORDS`](crate::MAX_LIVE_PASSWORDS); [`StoreError::Poisoned`],
    /// [`StoreError::Unavailable`].
    async fn add_password(
        &self,
        new: &OneTimePassword,
        most: usize,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// The one-time password of this key, whatever became of it, until its use is forgotten. On failure refuse.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn password(&self, key: &Sha256) -> Result<Option<OneTimePassword>, StoreError>;

    /// The one-time passwords of an endpoint that can still be used, oldest first, as they are kept. On failure refuse.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn list_passwords(
        &self,
        endpoint: &EndpointId,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, StoreError>;

    /// Withdraws a one-time password of this endpoint. A request that found it good before is still answered.
    ///
    /// On failure it may or may not be withdrawn: ask again. A duplicate learns that none is live.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn withdraw_password(
        &self,
        endpoint: &EndpointId,
        key: &Sha256,
        now: UnixTime,
    ) -> Result<Withdrawn, StoreError>;

    /// Records what happened, at most 256 events; a journal keeps only the newest ones, for a while, and is no proof of anything.
    ///
    /// This is the one verb that forgets to make room: the oldest events of a kind go first, those above the limit and those
    /// that are older than they are to be kept. A crash may take back what it recorded last. On failure it may or may not
    /// be recorded, and a duplicate is recorded twice.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for more events. [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn record_events(&self, events: &[NewEvent], now: UnixTime) -> Result<(), StoreError>;

    /// A page of the events of a kind, newest first, from all nodes.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn events(
        &self,
        kind: EventKind,
        page: &EventPage,
        now: UnixTime,
    ) -> Result<Vec<Event>, StoreError>;

    /// A CRL number (RFC 5280 §5.2.3) above every earlier one of this issuer. A duplicate, or a failure, costs a number.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Poisoned`], [`StoreError::Unavailable`].
    async fn next_crl_number(&self, issuer: &Sha256) -> Result<u64, StoreError>;
}

/// Notices that one [`lease_notices`](EnrolmentStore::lease_notices) may lease.
pub const MAX_LEASED_NOTICES: usize = 100;
