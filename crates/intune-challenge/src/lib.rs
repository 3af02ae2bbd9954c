//! Signed challenges for SCEP: a JWS verified, its claims matched against the CSR.
