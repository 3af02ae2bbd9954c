use std::fmt;

use scep_types::CryptoError;

use super::Lab;

/// A rule, and how a server is tried for it.
#[derive(Debug)]
pub(crate) struct Row {
    /// As in `xtask/conformance-rows.txt`.
    pub(crate) id: &'static str,
    /// How binding it is.
    pub(crate) level: Level,
    /// The requirement in a few words.
    pub(crate) title: &'static str,
    /// How many certificates trying it may get from the server.
    pub(crate) certificates: u32,
    /// Tries it.
    pub(crate) check: fn(&mut Lab) -> Outcome,
}

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// RFC 8894 demands it, states it as fact, or safety fails without it.
    Must,
    /// RFC 8894 recommends it.
    Should,
    /// It is allowed, or peers need it and no RFC says so.
    Practice,
}

impl Level {
    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Practice => "practice",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Fail,
    NotTested,
    NotApplicable,
}

impl Verdict {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotTested => "not tested",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// What was sent, what came back, and whether that is right.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) passes: bool,
    pub(crate) sent: String,
    pub(crate) came: String,
}

/// Why there is nothing to judge.
#[derive(Debug, Clone)]
pub(crate) enum NoVerdict {
    /// It could not be tried.
    NotTested(String),
    /// The rule is for servers that do something this one does not.
    NotApplicable(String),
}

impl fmt::Display for NoVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTested(why) | Self::NotApplicable(why) => f.write_str(why),
        }
    }
}

/// What trying a row gives.
pub(crate) type Outcome = Result<Finding, NoVerdict>;

impl Finding {
    pub(crate) fn new(passes: bool, sent: impl fmt::Display, came: impl fmt::Display) -> Self {
        Self { passes, sent: sent.to_string(), came: came.to_string() }
    }

    /// The outcome of several tries of one rule: it passes if all do, and shows the first that does not, or all.
    pub(crate) fn all(findings: &[Self]) -> Self {
        if let Some(failed) = findings.iter().find(|finding| !finding.passes) {
            return failed.clone();
        }
        let join = |of: fn(&Self) -> &str| {
            let mut texts: Vec<_> = findings.iter().map(of).collect();
            texts.dedup();
            texts.join(" / ")
        };
        Self { passes: true, sent: join(|f| &f.sent), came: join(|f| &f.came) }
    }
}

pub(crate) fn not_tested<T>(why: impl fmt::Display) -> Result<T, NoVerdict> {
    Err(NoVerdict::NotTested(why.to_string()))
}

pub(crate) fn not_applicable<T>(why: impl fmt::Display) -> Result<T, NoVerdict> {
    Err(NoVerdict::NotApplicable(why.to_string()))
}

impl From<CryptoError> for NoVerdict {
    fn from(error: CryptoError) -> Self {
        Self::NotTested(format!("on our side: {error}"))
    }
}

impl From<scep_types::asn1::Asn1Error> for NoVerdict {
    fn from(error: scep_types::asn1::Asn1Error) -> Self {
        Self::NotTested(format!("not read: {error}"))
    }
}

impl From<scep_client::Error> for NoVerdict {
    fn from(error: scep_client::Error) -> Self {
        Self::NotTested(format!("on our side: {error}"))
    }
}
