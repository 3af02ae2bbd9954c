#![allow(dropping_copy_types)]
use super::*;
use scep_types::*;
pub(crate) fn rows() -> Result<Vec<Row>> {
    let password = Secret::new("secret".to_owned());
    let ep = endpoint(Mode::Static(password.clone()), Arc::default())?;
    let device = Device::new(&ep)?;
    let challenge = Mdm::new(RSA_ANCHOR, Algorithm::Rs256)?.mint()?;
    let csr = device.csr(&challenge)?;
    let raw = raw_like(&[csr.clone()])?;
    let p = provider();
    let ra = world::key(world::RA)?;
    let dk = world::key(world::DEVICE)?;
    let spki = SigningKey::spki(&*dk).to_vec();
    let scheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
    let fb = ContentKey::from_prefix(&[7; 32], 16);
    let wrapped = raw.wrapped.clone();
    let ct = p.envelope.encrypt(ContentCipher::Aes128Cbc, &fb, &[1; 16], &csr).map_err(|e| anyhow::anyhow!("{e}"))?;
    let cert = world::authority()?.ra.certificate.der().clone();
    let parsed = Csr::parse(csr.clone())?;
    let sig = raw.attributes_signature.clone();
    let mut rows = Vec::new();
    macro_rules! row { ($name:expr, $op:expr, $fl:expr) => {
        rows.push(Bench { name: $name, operation: &mut || { drop(black_box($op)); Ok(()) }, floor: &mut || { black_box($fl); Ok(()) }, target: None, target_allocs: None }.run()?)
    } }
    row!("sign", ra.sign(scheme, &[7; 320])?, raw::sign(&raw.ra, &[7; 320])?);
    row!("unwrap", ra.unwrap_key(KeyTransport::Pkcs1v15, &wrapped, &fb)?, { let mut o = [0; 256]; raw.unwrap.decrypt(&wrapped, &mut o)?; });
    row!("wrap", p.envelope.wrap_key(KeyTransport::Pkcs1v15, &spki, &fb)?, raw::wrap(&raw.device_spki)?);
    row!("verify", p.verify.verify(scheme, &spki, &[7; 320], &sig)?, raw.verify_message()?);
    row!("aes decrypt", p.envelope.decrypt(ContentCipher::Aes128Cbc, &fb, &[1; 16], &ct)?, raw.verify_message()?);
    row!("aes encrypt", p.envelope.encrypt(ContentCipher::Aes128Cbc, &fb, &[1; 16], &csr)?, raw.verify_message()?);
    row!("csr parse", Csr::parse(csr.clone())?, raw.verify_message()?);
    row!("csr verify", parsed.verify(p.verify, AlgorithmPolicy::Modern)?, raw.verify_message()?);
    row!("cert parse", Certificate::parse(cert.clone())?, raw.verify_message()?);
    row!("random 64", { let mut d = [0; 64]; p.random.fill(&mut d)?; d }, raw.verify_message()?);
    row!("sha256 2.5k", p.digest.digest(DigestAlgorithm::Sha256, &[1; 2500])?, raw.verify_message()?);
    let device2 = Device::new(&ep)?;
    let msg = device2.request(&csr)?;
    let ra_cert = world::ra_certificate(&ep)?;
    row!("proto parse+verify+open", {
        let v = Unverified::parse(msg.clone())?.verify(&p, AlgorithmPolicy::Modern).map_err(|r| r.error)?;
        let scep_proto::server::Verified::Sealed(s) = v else { bail!("sealed") };
        let r = [scep_proto::server::Recipient { certificate: &ra_cert, key: &*ra }];
        s.open(&r, &scep_proto::FallbackKey::new([3; 32]), &p, AlgorithmPolicy::Modern).map_err(|r| r.error)?
    }, { raw.verify_message()?; raw.verify_message()?; let mut o = [0; 256]; raw.unwrap.decrypt(&wrapped, &mut o)?; });
    let v = Unverified::parse(msg.clone())?.verify(&p, AlgorithmPolicy::Modern).map_err(|r| r.error)?;
    let scep_proto::server::Verified::Sealed(s) = v else { bail!("sealed") };
    let r = [scep_proto::server::Recipient { certificate: &ra_cert, key: &*ra }];
    let o = s.open(&r, &scep_proto::FallbackKey::new([3; 32]), &p, AlgorithmPolicy::Modern).map_err(|r| r.error)?;
    let scep_proto::server::Opened::Enrol(e) = o else { bail!("enrol") };
    row!("reply", {
        let set = scep_proto::server::ReplySettings { signer: &ra_cert, provider: &p, now: NOW };
        let t = e.reply.clone().succeed(&[&cert[..]], &scep_proto::MessageRandom::new(&[9; 64]), set)?;
        let sig = ra.sign(t.scheme(), t.bytes())?;
        t.finish(&sig)
    }, { raw::wrap(&raw.device_spki)?; raw::sign(&raw.ra, &[7; 320])?; });
    let auth = world::authority()?;
    row!("admit+prepare+sign", {
        let a = Authorization::assertion(&e.csr, Basis::StaticPassword, NameAssurance::SelfAsserted);
        let a = auth.profiles.select(&e.csr).admit(&e.csr, a, NOW)?;
        let pr = a.prepare(scep_ca::Serial::from_random([5; 20][..].try_into()?), &auth.ca.issuer, p.digest)?;
        let scep_server::Signing::Local(k) = &auth.ca.signing else { bail!("local") };
        pr.sign_with(&**k)?
    }, raw::sign(&raw.ca, &[7; 700])?);
    Ok(rows)
}
