use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{RequestBuilder, redirect};
use scep_proto::client::{Awaiting, CertRep, ReplyCheck};
use scep_proto::http::PKI_MESSAGE;
use scep_proto::{CaCertificates, Capabilities, FallbackKey, TransactionId, UnauthenticatedCa};
use scep_types::{AlgorithmPolicy, Certificate, Csr, DigestAlgorithm, Secret, SigningKey};

use super::cms::{Header, envelope, pkcs_req};
use super::csr::csr;
use super::dialect::{GetEscaping, Order, TransactionIdCase};
use super::{Device, signer};
use crate::error::{DeviceError, Error};
use crate::ids::hex;
use crate::spec::CsrSpec;

/// A device that knows what its server can and whom to encrypt to.
#[derive(Debug, Clone)]
pub struct Session {
    device: Device,
    http: reqwest::Client,
    url: String,
    capabilities: Capabilities,
    ca: CaCertificates,
}

/// A request ready to be sent, as often as one likes.
#[derive(Debug, Clone)]
pub struct Request {
    message: Bytes,
    csr: Csr,
    transaction_id: TransactionId,
    awaiting: Awaiting,
}

/// What a device got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enrolled {
    /// The certificate for the key of the CSR.
    pub certificate: Certificate,
    /// All certificates of the answer, in its order.
    pub received: Vec<Certificate>,
    /// Under which transactionID.
    pub transaction_id: String,
}

impl Device {
    /// Asks for capabilities and CA certificates, in the order of the family.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub async fn connect(&self, scep_url: &str) -> Result<Session, Error> {
        let url = format!("{}{}", scep_url.trim_end_matches('/'), self.dialect.suffix);
        let http = self.http(&url)?;
        let (capabilities, ca) = match self.dialect.order {
            Order::CapabilitiesFirst => {
                let capabilities = self.get(&http, &url, "GetCACaps").await;
                (capabilities, self.get(&http, &url, "GetCACert").await?)
            }
            Order::CertificateFirst => {
                let ca = self.get(&http, &url, "GetCACert").await?;
                (self.get(&http, &url, "GetCACaps").await, ca)
            }
        };
        // Old servers have no GetCACaps: no answer means no capability.
        let capabilities =
            capabilities.map(|text| Capabilities::parse(&String::from_utf8_lossy(&text)));
        let ca = UnauthenticatedCa::parse(ca)?;
        let ca = ca.authenticate(&self.anchor, &self.provider, self.now)?;
        let capabilities = capabilities.unwrap_or_default();
        Ok(Session { device: self.clone(), http, url, capabilities, ca })
    }

    fn http(&self, url: &str) -> Result<reqwest::Client, Error> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .timeout(self.timeout)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none());
        if url.starts_with("http:") {
            builder = builder.tls_certs_only([]); // a system without root certificates would fail here
        }
        builder.build().map_err(|error| unanswered(url, &error))
    }

    async fn get(
        &self,
        http: &reqwest::Client,
        url: &str,
        operation: &str,
    ) -> Result<Bytes, Error> {
        let message = self.dialect.message.map(|message| format!("&message={message}"));
        let query = format!("{url}?operation={operation}{}", message.unwrap_or_default());
        self.exchange(http.get(query), url).await
    }

    async fn exchange(&self, request: RequestBuilder, url: &str) -> Result<Bytes, Error> {
        let request = request.header(USER_AGENT, self.dialect.user_agent);
        let response = request.send().await.map_err(|error| unanswered(url, &error))?;
        if !response.status().is_success() {
            let retry_after = response.headers().get(RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
            let status = response.status().as_u16();
            return Err(DeviceError::Http { status, retry_after }.into());
        }
        response.bytes().await.map_err(|error| unanswered(url, &error))
    }
}

impl Session {
    /// What the server says it can.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The CA.
    #[must_use]
    pub fn ca(&self) -> &CaCertificates {
        &self.ca
    }

    /// Writes a request for what `spec` says; it need not be what a challenge allows.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a spec that cannot be written, [`Error::Crypto`] if a key does not sign.
    pub fn prepare(&self, spec: &CsrSpec, challenge: Option<&Secret>) -> Result<Request, Error> {
        let device = &self.device;
        let csr = csr(device, spec, challenge)?;
        let signer = signer::certificate(device, csr.subject())?;
        let transaction_id = self.transaction_id(&csr)?;
        let mut nonce = vec![0; device.dialect.nonce_octets];
        device.provider.random.fill(&mut nonce)?;
        let cipher = device.dialect.cipher(self.capabilities);
        let envelope = envelope(device, csr.der(), self.ca.encryption(), cipher)?;
        let header = Header {
            signer: &signer,
            digest: device.dialect.digest(self.capabilities),
            transaction_id: &transaction_id,
            nonce: &nonce,
        };
        let message = pkcs_req(device, &envelope, &header)?.into();
        let awaiting = Awaiting::new(transaction_id.clone(), &nonce, signer);
        Ok(Request { message, csr, transaction_id, awaiting })
    }

    /// Sends a request, and opens the answer.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub async fn send(&self, request: &Request) -> Result<Enrolled, Error> {
        let reply = self.exchange(&request.message).await?;
        self.receive(request, reply)
    }

    /// Opens an answer that came some other way than by HTTP.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn receive(&self, request: &Request, reply: Bytes) -> Result<Enrolled, Error> {
        let device = &self.device;
        let mut fallback = [0; 32];
        device.provider.random.fill(&mut fallback)?;
        let check = ReplyCheck {
            ca: &self.ca,
            key: &*device.signer_key,
            provider: &device.provider,
            policy: AlgorithmPolicy::Legacy,
        };
        let received = match request.awaiting.receive(reply, check, &FallbackKey::new(fallback))? {
            CertRep::Success { certificates, .. } => certificates,
            CertRep::Failure { fail_info, .. } => {
                let fail_info = fail_info.map(scep_proto::FailInfo::number);
                return Err(DeviceError::Refused { fail_info }.into());
            }
            CertRep::Pending => return Err(DeviceError::Pending.into()),
        };
        let ours =
            |certificate: &&Certificate| certificate.spki() == SigningKey::spki(&*device.key);
        let certificate = received.iter().find(ours).cloned().ok_or(DeviceError::NoCertificate)?;
        Ok(Enrolled { certificate, received, transaction_id: request.transaction_id.to_string() })
    }

    async fn exchange(&self, message: &Bytes) -> Result<Bytes, Error> {
        let url = format!("{}?operation=PKIOperation", self.url);
        let request = if self.device.dialect.posts(self.capabilities) {
            self.http.post(url).header(CONTENT_TYPE, PKI_MESSAGE).body(message.clone())
        } else {
            let message = STANDARD.encode(message);
            let message = match self.device.dialect.escaping {
                GetEscaping::Raw => message,
                GetEscaping::PaddingOnly => message.replace('=', "%3D"),
            };
            self.http.get(format!("{url}&message={message}"))
        };
        self.device.exchange(request, &self.url).await
    }

    /// 40 hexadecimal digits: SHA-1 of the key in the CSR.
    fn transaction_id(&self, csr: &Csr) -> Result<TransactionId, Error> {
        let digest = self.device.provider.digest.digest(DigestAlgorithm::Sha1, csr.spki())?;
        Ok(TransactionId::new(&match self.device.dialect.transaction_id {
            TransactionIdCase::Upper => digest.to_hex(),
            TransactionIdCase::Lower => hex(digest.as_ref()),
        })?)
    }
}

impl Request {
    /// The pkiMessage as it is sent.
    #[must_use]
    pub fn message(&self) -> &Bytes {
        &self.message
    }

    /// The CSR in it.
    #[must_use]
    pub fn csr(&self) -> &Csr {
        &self.csr
    }

    /// Its transactionID.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }
}

/// The innermost cause says most, and has no URL with a message in it.
fn unanswered(url: &str, error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let cause = match error.is_timeout() {
        true => "no answer in time".to_owned(),
        false if std::ptr::addr_eq(cause, error) => "the request could not be sent".to_owned(),
        false => cause.to_string(),
    };
    DeviceError::Unanswered { url: url.to_owned(), cause }.into()
}
