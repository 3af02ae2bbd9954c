use pem_rfc7468::LineEnding;
use scep_types::CryptoError;
use zeroize::Zeroizing;

/// The DER inside the first block with this label; other blocks and text around it are passed over, as an EC key of
/// OpenSSL has its parameters in a block of their own.
pub(crate) fn decode(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let begin = text.find(&format!("-----BEGIN {label}-----"))?;
    let end_line = format!("-----END {label}-----");
    let block = text.get(begin..)?;
    let end = block.find(&end_line)?.checked_add(end_line.len())?;
    let (_, der) = pem_rfc7468::decode_vec(block.get(..end)?.as_bytes()).ok()?;
    Some(Zeroizing::new(der))
}

/// A block with this label.
pub(crate) fn encode(der: &[u8], label: &str) -> Result<Zeroizing<String>, CryptoError> {
    pem_rfc7468::encode_string(label, LineEnding::LF, der)
        .map(Zeroizing::new)
        .map_err(|_| CryptoError::InvalidKey)
}
