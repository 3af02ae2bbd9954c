use scep_types::{CryptoProvider, Error};

/// A random GUID, or the provider's excuse.
pub(crate) fn guid(provider: &CryptoProvider) -> Result<String, Error> {
    let mut octets = [0; 16];
    provider.random.fill(&mut octets)?;
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut octets;
    *version = *version & 0x0F | 0x40;
    *variant = *variant & 0x3F | 0x80;
    let hex = hex(&octets);
    let cut = |from, to| hex.get(from..to).unwrap_or_default();
    Ok([cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-"))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
