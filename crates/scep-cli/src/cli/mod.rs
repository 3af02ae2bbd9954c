//! The command line.

mod bench;
mod ca;
mod decode;
mod diagnosis;
mod enrolment;
mod mint;
mod queries;

use clap::{Parser, Subcommand};

pub(crate) use bench::{BenchArgs, BenchChallengeArgs};
pub(crate) use ca::{MessageArgs, ServerArgs, TrustArgs};
pub(crate) use decode::DecodeArgs;
pub(crate) use diagnosis::{CacertArgs, CapsArgs, ConformanceArgs, ProbeArgs};
pub(crate) use enrolment::{EnrollArgs, EnrolmentArgs, NameArgs, PollArgs, RenewArgs};
pub(crate) use mint::MintArgs;
pub(crate) use queries::{GetcertArgs, GetcrlArgs, NextcaArgs, QueryArgs};

/// A SCEP client, and a diagnosis of what SCEP peers say.
#[derive(Debug, Parser)]
#[command(name = "scep", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server refuses (FAILURE)
  2  the command line is wrong
  3  the request is still pending
  4  no answer: connection, time-out, HTTP status, redirect
  5  not believed: the CA, or an answer in its name, is not authentic
  6  a local file or key
  7  not understood: malformed input or answer, or an algorithm that is not allowed
  8  conformance: a rule of the chosen level is not kept
  9  bench: not every device got a certificate";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows what a server says it can (GetCACaps)
    Caps(CapsArgs),
    /// Shows the certificates of the CA and their fingerprints (GetCACert)
    Cacert(CacertArgs),
    /// Shows the certificates that the CA will have next (GetNextCACert)
    Nextca(Box<NextcaArgs>),
    /// Gets a certificate for a key
    Enroll(Box<EnrollArgs>),
    /// Asks how a pending request is getting on (CertPoll)
    Poll(Box<PollArgs>),
    /// Gets the next certificate, signed for by the one that runs out
    Renew(Box<RenewArgs>),
    /// Fetches a certificate by its serial number (GetCert)
    Getcert(Box<GetcertArgs>),
    /// Fetches the CRL of the CA (GetCRL)
    Getcrl(Box<GetcrlArgs>),
    /// Looks a server over, and says which devices it will work with; requests no certificate
    Probe(ProbeArgs),
    /// Runs the rules of RFC 8894 for servers against one; requests certificates
    Conformance(Box<ConformanceArgs>),
    /// Enrols many simulated devices at once, and says how fast that went; requests certificates
    Bench(Box<BenchArgs>),
    /// Shows a pkiMessage, envelope, CSR, certificate or list of certificates as a tree
    Decode(DecodeArgs),
    /// Makes a signed challenge
    Mint(MintArgs),
}
