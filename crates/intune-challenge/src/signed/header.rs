use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_core::de::MapAccess;

use super::Algorithm;
use super::json::{Faults, Member, Members, read_object};
use crate::{Error, Malformed, Part};

/// Members that change what is signed or what the payload is; we understand none of them, so all are refused
/// (RFC 7515 §4.1.11, RFC 7797 §3, RFC 7516 §4.1).
const UNSUPPORTED: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// What the protected header says. Keys and addresses of keys in it (`jwk`, `jku`, `x5c`, `x5u`) are not looked at:
/// `kid` and `x5t#S256` can only choose among the trust anchors there are.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    pub(super) certificate_sha256: Option<[u8; 32]>,
}

impl Header {
    pub(super) fn read(json: &[u8]) -> Result<Self, Error> {
        let mut members = HeaderMembers::default();
        read_object(json, Part::Header, &mut members)?;
        let name = members.algorithm.ok_or(Error::MissingAlgorithm)?;
        let algorithm =
            Algorithm::from_name(&name).ok_or(Error::AlgorithmNotAllowed { algorithm: name })?;
        let HeaderMembers { key_id, certificate_sha256, .. } = members;
        Ok(Self { algorithm, key_id, certificate_sha256 })
    }
}

#[derive(Default)]
struct HeaderMembers {
    algorithm: Option<String>,
    key_id: Option<String>,
    certificate_sha256: Option<[u8; 32]>,
}

impl Members for HeaderMembers {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
        faults: &Faults,
    ) -> Result<Member, A::Error> {
        if let Some(unsupported) = UNSUPPORTED.into_iter().find(|member| *member == name) {
            return Err(faults.refuse(Malformed::UnsupportedHeader(unsupported)));
        }
        match name {
            "alg" => self.algorithm = Some(text("alg", values, faults)?),
            "kid" => self.key_id = Some(text("kid", values, faults)?),
            "typ" => drop(text("typ", values, faults)?),
            "x5t#S256" => {
                let digest = sha256(&text("x5t#S256", values, faults)?);
                let fault = || faults.refuse(Malformed::HeaderMember("x5t#S256"));
                self.certificate_sha256 = Some(digest.ok_or_else(fault)?);
            }
            _ => return Ok(Member::Unknown),
        }
        Ok(Member::Taken)
    }
}

fn text<'de, A: MapAccess<'de>>(
    name: &'static str,
    values: &mut A,
    faults: &Faults,
) -> Result<String, A::Error> {
    values.next_value().map_err(|_| faults.refuse(Malformed::HeaderMember(name)))
}

/// A SHA-256 digest in canonical base64url without padding.
pub(super) fn sha256(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
