//! Parsing and verifying a PKCSReq where RSA costs nothing, beside the digests that the verification is about.

use std::hint::black_box;

use anyhow::{Result, bail};
use bytes::Bytes;
use scep_benches::{Bench, Row};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::server::{Unverified, Verified};
use scep_types::{AlgorithmPolicy, DigestAlgorithm};

use crate::samples;

const MICROSECOND: f64 = 1000.0;
/// About the length of the signed attributes.
const ATTRIBUTES: [u8; 320] = [7; 320];

pub(crate) fn rows() -> Result<Vec<Row>> {
    let content = samples::envelope().build();
    let (der, ber) = (samples::request().build(), samples::request_in_ber());
    let digests = provider().digest;
    let floor = || {
        black_box(digests.digest(DigestAlgorithm::Sha256, &content)?);
        black_box(digests.digest(DigestAlgorithm::Sha256, &ATTRIBUTES)?);
        Ok(())
    };
    Ok(vec![
        Bench::new("messages/parse_and_verify", &mut || verify(&der), &mut || floor())
            .within_ns(6.0 * MICROSECOND)
            .within_allocs(12)
            .run()?,
        Bench::new("messages/parse_and_verify_ber", &mut || verify(&ber), &mut || floor())
            .within_ns(12.0 * MICROSECOND)
            .within_allocs(24)
            .run()?,
        Bench::new("messages/ber_beside_der", &mut || verify(&ber), &mut || verify(&der)).run()?,
    ])
}

/// All that a server does before it uses a key of its own.
pub(crate) fn verify(message: &Bytes) -> Result<()> {
    let request = Unverified::parse(message.clone())?;
    match request.verify(&samples::without_rsa(), AlgorithmPolicy::Modern) {
        Ok(Verified::Sealed(sealed)) => drop(black_box(sealed)),
        Ok(Verified::Poll(poll)) => bail!("no poll: {poll:?}"),
        Err(rejected) => return Err(rejected.error.into()),
    }
    Ok(())
}
