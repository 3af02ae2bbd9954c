//! Two other libraries on the same message: they decode all of it and verify nothing.

use std::hint::black_box;

use anyhow::{Result, anyhow};
use cms::content_info::ContentInfo;
use der::{Decode, Encode};
use scep_benches::{Bench, Row};

use crate::samples;
use crate::without_rsa::verify;

pub(crate) fn rows() -> Result<Vec<Row>> {
    let message = samples::request().build();
    let ours = || verify(&message);
    Ok(vec![
        Bench::new("messages/decode_by_cms", &mut || by_cms(&message), &mut || ours()).run()?,
        Bench::new("messages/decode_by_rasn_cms", &mut || by_rasn(&message), &mut || ours())
            .run()?,
    ])
}

fn by_cms(message: &[u8]) -> Result<()> {
    let info = ContentInfo::from_der(message)?;
    let signed = cms::signed_data::SignedData::from_der(&info.content.to_der()?)?;
    let content = signed.encap_content_info.econtent.as_ref().map(|content| content.value());
    let info = ContentInfo::from_der(content.unwrap_or_default())?;
    let enveloped = cms::enveloped_data::EnvelopedData::from_der(&info.content.to_der()?)?;
    black_box((signed, enveloped));
    Ok(())
}

fn by_rasn(message: &[u8]) -> Result<()> {
    let failed = |error| anyhow!("rasn: {error}");
    let info: rasn_cms::ContentInfo = rasn::der::decode(message).map_err(failed)?;
    let signed: rasn_cms::SignedData =
        rasn::der::decode(info.content.as_bytes()).map_err(failed)?;
    let content = signed.encap_content_info.content.as_deref().unwrap_or_default();
    let info: rasn_cms::ContentInfo = rasn::der::decode(content).map_err(failed)?;
    let enveloped: rasn_cms::EnvelopedData =
        rasn::der::decode(info.content.as_bytes()).map_err(failed)?;
    black_box((signed, enveloped));
    Ok(())
}
