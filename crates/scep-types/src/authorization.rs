use std::fmt;

use crate::Csr;

/// Proof that someone entitled to it allowed a certificate for exactly one CSR.
///
/// Issuance demands it as an argument and checks that it is for the very CSR to be issued; there is no other way to
/// a certificate. `grep -rn "Authorization::assertion("` lists every place that claims an authorisation.
#[derive(Clone)]
pub struct Authorization {
    csr: Csr,
    basis: Basis,
    names: NameAssurance,
}

/// Why a certificate was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// The endpoint's static password.
    StaticPassword,
    /// A password made for one enrolment, by its id.
    OneTimePassword(String),
    /// A signed challenge, by its replay key (issuer and nonce).
    SignedChallenge(String),
    /// Microsoft Intune validated the challenge.
    IntuneService,
    /// A webhook allowed it.
    Webhook,
    /// An operator approved it.
    Operator(String),
    /// The holder of a certificate we issued renews it; its serial number in hexadecimal.
    Renewal(String),
}

impl Basis {
    /// A stable label for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::StaticPassword => "static_password",
            Self::OneTimePassword(_) => "one_time_password",
            Self::SignedChallenge(_) => "signed_challenge",
            Self::IntuneService => "intune_service",
            Self::Webhook => "webhook",
            Self::Operator(_) => "operator",
            Self::Renewal(_) => "renewal",
        }
    }
}

/// Whether the authority also vouches for the names in the CSR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameAssurance {
    /// Subject and subjectAltNames were compared with what the authority said they must be.
    Vouched,
    /// The requester chose them.
    SelfAsserted,
}

impl Authorization {
    /// States that `csr` was authorised on this `basis`. Call it only where that was established.
    #[must_use]
    pub fn assertion(csr: &Csr, basis: Basis, names: NameAssurance) -> Self {
        Self { csr: csr.clone(), basis, names }
    }

    /// Whether it is for exactly this CSR, compared octet by octet.
    #[must_use]
    pub fn covers(&self, csr: &Csr) -> bool {
        self.csr.der() == csr.der()
    }

    /// Why the certificate was allowed.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Whether the names are vouched for.
    #[must_use]
    pub fn names(&self) -> NameAssurance {
        self.names
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { csr, basis, names } = self;
        f.debug_struct("Authorization")
            .field("subject", csr.subject())
            .field("basis", basis)
            .field("names", names)
            .finish()
    }
}
