//! Octets as hexadecimal text.

use scep_types::hex;

#[test]
fn each_octet_has_two_digits() {
    assert_eq!(hex::lower(&[0x00, 0x0F, 0xA0, 0xFF]), "000fa0ff");
    assert_eq!(hex::upper(&[0x00, 0x0F, 0xA0, 0xFF]), "000FA0FF");
    assert_eq!(hex::lower(&[]), "");
}
