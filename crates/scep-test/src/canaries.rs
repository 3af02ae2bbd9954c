//! Secrets that tests work with, and that nothing may ever print: the CI run looks for each of them in all that the tests said.
//!
//! They stand here, one a line and nowhere else, so that whoever looks finds them all. None has a character that a URL escapes.

/// The client secret of an application in Entra.
pub const CLIENT_SECRET: &str = "kQ8~wV3nZr7Lx0TbYc5Md9Hf2Js6Pg4Ra1Eu_Qo";

/// A password for an endpoint that takes one.
pub const PASSWORD: &str = "wB6mXt1Rk9Vz4Gp8Nc3Jd7Ly2Hs5Fq0Ta";

/// A challenge as opaque as Intune's, for tests that need none that opens.
pub const CHALLENGE: &str = "MIIYg7Rf2Wq9Kx4Tn1Bv6Zc8Lp3Hd5Js0Mu";

/// The passphrase of the encrypted keys in `testdata/keys`.
pub const PASSPHRASE: &str = "tK3nVx8Rw5Lq0Zc7Hf1Yj6Bd9Ps2Gm4Ua";

/// The PIN of a token.
pub const PIN: &str = "7p3Kx9Vt5Rq1Nz8Wb4";
