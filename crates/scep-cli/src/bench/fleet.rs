use std::sync::Arc;

use bytes::Bytes;
use indicatif::ProgressBar;
use intune_challenge::signed::{Claims, Issuer};
use scep_client::{self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{Algorithms, Awaiting, Payload, RequestSettings, build};
use scep_proto::{CaCertificates, MessageRandom, TransactionId};
use scep_types::{KeyKind, Name, Secret, SigningKey, UnixTime, hex, oid};
use zeroize::Zeroizing;

use super::cores::on_all_cores;
use crate::error::Error;

/// What the messages of all devices have in common.
pub(crate) struct Plan {
    pub(crate) ca: CaCertificates,
    pub(crate) algorithms: Algorithms,
    pub(crate) challenges: Challenges,
    /// What the devices are called, before their number.
    pub(crate) name: String,
    pub(crate) now: UnixTime,
}

/// Where a device has its challenge from.
pub(crate) enum Challenges {
    None,
    Shared(Secret),
    Minted(Mint),
}

/// Makes signed challenges, one for each device.
pub(crate) struct Mint {
    pub(crate) signer: Issuer,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) expires: UnixTime,
}

/// Devices that only have to send what they have ready.
pub(crate) struct Fleet {
    pub(crate) devices: Vec<Device>,
}

/// A device, its message, and what the answer must be.
pub(crate) struct Device {
    pub(crate) key: Arc<SoftwareKey>,
    pub(crate) message: Bytes,
    pub(crate) awaiting: Awaiting,
}

impl Fleet {
    /// Makes so many devices, each with a message, that share so many keys.
    ///
    /// # Errors
    /// A key cannot be made or does not sign, or the CA has no key to encrypt to.
    pub(crate) fn build(
        plan: &Plan,
        devices: u32,
        keys: u32,
        progress: &ProgressBar,
    ) -> Result<Self, Error> {
        let pool: Vec<_> = (0..keys.min(devices)).collect();
        let pool = on_all_cores(&pool, |_| {
            Ok(Arc::new(SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?))
        })?;
        let numbered: Vec<_> = (0..devices).zip(pool.iter().cycle()).collect();
        let devices = on_all_cores(&numbered, |(number, key)| {
            let device = plan.device(*number, key)?;
            progress.inc(1);
            Ok(device)
        })?;
        Ok(Self { devices })
    }
}

impl Plan {
    fn device(&self, number: u32, key: &Arc<SoftwareKey>) -> Result<Device, Error> {
        let name = format!("{}-{number}", self.name);
        let subject = Name::build(&[(oid::COMMON_NAME, &name)]);
        let challenge = self.challenges.of(&name, self.now)?;
        let csr = sign_csr(&**key, &subject, challenge.as_ref(), &[])?;
        let signer = self_signed(&**key, &subject, self.now, provider().random)?;
        let transaction_id = TransactionId::new(&hex::lower(&*drawn::<16>()?));
        let settings = RequestSettings {
            transaction_id: &transaction_id.map_err(scep_client::Error::from)?,
            signer: &signer,
            recipient: self.ca.encryption(),
            algorithms: self.algorithms,
            signing_time: None,
            provider: &provider(),
        };
        let (unsigned, awaiting) =
            build(Payload::Enrol(&csr), settings, &MessageRandom::new(&*drawn()?))
                .map_err(scep_client::Error::from)?;
        let signature = key.sign(unsigned.scheme(), unsigned.bytes())?;
        Ok(Device { key: Arc::clone(key), message: unsigned.finish(&signature), awaiting })
    }
}

impl Challenges {
    fn of(&self, device: &str, now: UnixTime) -> Result<Option<Secret>, Error> {
        Ok(match self {
            Self::None => None,
            Self::Shared(challenge) => Some(challenge.clone()),
            Self::Minted(mint) => {
                let nonce = Secret::new(hex::lower(&*drawn::<16>()?));
                let mut claims = Claims::new(device, nonce, now, mint.expires);
                claims.issuer.clone_from(&mint.issuer);
                claims.audience.clone_from(&mint.audience);
                claims.device_name = Some(device.to_owned());
                Some(mint.signer.mint(&claims)?)
            }
        })
    }
}

fn drawn<const OCTETS: usize>() -> Result<Zeroizing<[u8; OCTETS]>, Error> {
    let mut drawn = Zeroizing::new([0; OCTETS]);
    provider().random.fill(&mut *drawn)?;
    Ok(drawn)
}
