use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use intune_challenge::signed::{Algorithm, Claims, Issuer};
use scep_client::now;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_types::{KeyKind, Secret, UnixTime, hex};
use serde_json::json;

use crate::cli::MintArgs;
use crate::error::{Error, Usage};
use crate::{files, output};

pub(super) fn run(args: &MintArgs, out: &mut dyn Write) -> Result<(), Error> {
    let key = files::read_key(&args.key)?;
    let algorithm = algorithm(&key, args.alg.as_deref())?;
    let issuer = Issuer::new(Arc::new(key), algorithm, args.kid.clone())?;
    let claims = claims(args, now())?;
    let challenge = issuer.mint(&claims)?;
    if args.json {
        let expires = claims.expires.map(|expires| expires.to_string());
        let value = json!({
            "challenge": challenge.expose(),
            "algorithm": algorithm.name(),
            "subject": args.subject,
            "audience": args.audience,
            "expires": expires,
        });
        return output::json_value(out, &value);
    }
    output::line(out, challenge.expose())
}

/// Who signs challenges with this key, by the named algorithm or the one that goes with the key.
pub(super) fn issuer(
    key: SoftwareKey,
    algorithm_name: Option<&str>,
    kid: Option<String>,
) -> Result<Issuer, Error> {
    let algorithm = algorithm(&key, algorithm_name)?;
    Ok(Issuer::new(Arc::new(key), algorithm, kid)?)
}

fn algorithm(key: &SoftwareKey, name: Option<&str>) -> Result<Algorithm, Usage> {
    match name {
        Some(name) => Algorithm::from_name(name).ok_or_else(|| Usage::Algorithm(name.to_owned())),
        None => algorithm_for(key.kind()),
    }
}

fn algorithm_for(key: KeyKind) -> Result<Algorithm, Usage> {
    let mut usual = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384].into_iter();
    usual.find(|algorithm| algorithm.fits(key)).ok_or(Usage::IssuerKey(key))
}

fn claims(args: &MintArgs, now: UnixTime) -> Result<Claims, Error> {
    let mut nonce = [0; 16];
    provider().random.fill(&mut nonce)?;
    let expires = now.plus(Duration::from_secs(args.ttl));
    let mut claims = Claims::new(&args.subject, Secret::new(hex::lower(&nonce)), now, expires);
    claims.issuer = args.issuer.clone();
    claims.audience = args.audience.clone();
    claims.device_name = args.device_name.clone();
    claims.san_dns = args.san_dns.clone();
    claims.san_rfc822 = args.san_email.clone();
    claims.san_upn = args.san_upn.clone();
    claims.san_uri = args.san_uri.clone();
    claims.san_ip = args.san_ip.clone();
    Ok(claims)
}
