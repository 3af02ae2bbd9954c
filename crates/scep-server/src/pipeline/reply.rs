//! The answer: a CertRep where one is possible, else an HTTP status.

use std::sync::Arc;

use bytes::Bytes;
use scep_proto::server::{Reply, ReplySettings};
use scep_proto::{FailInfo, MessageRandom};
use scep_types::{Certificate, CryptoError, DigestAlgorithm, UnixTime};

use super::report::{Facts, report};
use super::sign::signed;
use super::{Concluded, Granted, Judged, Response, Speaker};
use crate::endpoint::Inner;
use crate::error::Answer;
use crate::{Error, Outcome};

/// What a CertRep says; certificates and CRLs are DER.
#[derive(Clone)]
enum Content {
    /// An issued certificate, and what stands beside one.
    Success(Bytes),
    /// The certificate that was asked for.
    Certificate(Bytes),
    Crl(Bytes),
    Pending,
    Failure(FailInfo),
}

/// Tells what was decided, then answers.
pub(super) async fn conclude(
    inner: &Arc<Inner>,
    concluded: Result<Concluded, Error>,
    now: UnixTime,
    facts: &Facts,
) -> Response {
    let Concluded { judged: Judged { reply, verdict }, under, speaker } = match concluded {
        Ok(concluded) => concluded,
        Err(error) => return unanswerable(inner, &error, now, facts),
    };
    report(inner, facts, now, outcome(&verdict));
    let content = match verdict {
        Ok(Granted::Issued { certificate, .. } | Granted::Repeated { certificate }) => {
            Content::Success(certificate.der().clone())
        }
        Ok(Granted::Certificate(certificate)) => Content::Certificate(certificate),
        Ok(Granted::Crl(crl)) => Content::Crl(crl),
        Ok(Granted::Pending) => Content::Pending,
        Err(error) => match error.answer() {
            Answer::Failure(fail_info) => Content::Failure(fail_info),
            Answer::ComeAgain(retry_after) => return Response::ComeAgain { retry_after },
            Answer::Broken => return Response::Broken,
        },
    };
    match write(&under, reply, content, speaker, now).await {
        Ok(message) => Response::Message(message),
        Err(error) => {
            tracing::error!(%error, "the answer was not signed");
            error.into()
        }
    }
}

/// Where there is nothing signed to answer with.
impl From<Error> for Response {
    fn from(error: Error) -> Self {
        match error.answer() {
            Answer::ComeAgain(retry_after) => Self::ComeAgain { retry_after },
            Answer::Failure(_) | Answer::Broken => Self::Broken,
        }
    }
}

fn outcome(verdict: &Result<Granted, Error>) -> Outcome<'_> {
    match verdict {
        Ok(Granted::Issued { certificate, basis }) => Outcome::Issued { certificate, basis },
        Ok(Granted::Repeated { certificate }) => Outcome::Repeated { certificate },
        Ok(Granted::Certificate(_) | Granted::Crl(_)) => Outcome::Answered,
        Ok(Granted::Pending) => Outcome::Pending,
        Err(error) => match error.answer() {
            Answer::Failure(fail_info) => Outcome::Refused { fail_info, error },
            Answer::ComeAgain(retry_after) => Outcome::Deferred { retry_after, error },
            Answer::Broken => Outcome::Broken { error },
        },
    }
}

fn unanswerable(inner: &Inner, error: &Error, now: UnixTime, facts: &Facts) -> Response {
    let (outcome, response) = match error.answer() {
        Answer::Failure(_) => (Outcome::Unreadable { error }, Response::Unreadable),
        Answer::ComeAgain(retry_after) => {
            (Outcome::Deferred { retry_after, error }, Response::ComeAgain { retry_after })
        }
        Answer::Broken => (Outcome::Broken { error }, Response::Broken),
    };
    report(inner, facts, now, outcome);
    response
}

/// Signs a CertRep with the request's digest; if the key does not sign with that, with SHA-256.
async fn write(
    inner: &Arc<Inner>,
    reply: Reply,
    content: Content,
    speaker: Speaker,
    now: UnixTime,
) -> Result<Bytes, Error> {
    if reply.digest() == DigestAlgorithm::Sha256 {
        return write_as_asked(inner, reply, content, speaker, now).await;
    }
    match write_as_asked(inner, reply.clone(), content.clone(), speaker, now).await {
        Err(Error::Crypto(CryptoError::Unsupported)) => {
            let reply = reply.with_digest(DigestAlgorithm::Sha256);
            write_as_asked(inner, reply, content, speaker, now).await
        }
        other => other,
    }
}

async fn write_as_asked(
    inner: &Arc<Inner>,
    reply: Reply,
    content: Content,
    speaker: Speaker,
    now: UnixTime,
) -> Result<Bytes, Error> {
    signed(inner, &inner.speaker(speaker).signing, move |inner| {
        let random = MessageRandom::new(&*inner.random()?);
        let settings = ReplySettings {
            signer: &inner.speaker(speaker).certificate,
            provider: inner.provider(),
            now,
        };
        Ok(match content {
            Content::Success(certificate) => {
                let chain = inner.reply_chain.iter().map(Certificate::der);
                let certificates = std::iter::once(&certificate).chain(chain);
                let certificates: Vec<&[u8]> = certificates.map(AsRef::as_ref).collect();
                reply.succeed(&certificates, &random, settings)?
            }
            Content::Certificate(certificate) => {
                reply.succeed(&[&certificate], &random, settings)?
            }
            Content::Crl(crl) => reply.succeed_with_crl(&crl, &random, settings)?,
            Content::Pending => reply.pend(&random, settings)?,
            Content::Failure(fail_info) => reply.fail(fail_info, None, &random, settings)?,
        })
    })
    .await
}
