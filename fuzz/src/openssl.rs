//! What OpenSSL's libcrypto reads, which reads BER. It is the system's, as Debian's libssl-dev has it.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_void};
use std::ptr;

use crate::{Seen, low_halves};

#[link(name = "crypto")]
unsafe extern "C" {
    fn d2i_CMS_ContentInfo(
        out: *mut *mut c_void,
        octets: *mut *const c_uchar,
        length: c_long,
    ) -> *mut c_void;
    fn CMS_ContentInfo_free(cms: *mut c_void);
    fn CMS_get0_type(cms: *const c_void) -> *const c_void;
    fn CMS_get0_eContentType(cms: *mut c_void) -> *const c_void;
    fn CMS_get0_content(cms: *mut c_void) -> *mut *mut c_void;
    fn CMS_get0_SignerInfos(cms: *mut c_void) -> *mut c_void;
    fn OPENSSL_sk_num(stack: *const c_void) -> c_int;
    fn OBJ_obj2nid(object: *const c_void) -> c_int;
    fn OBJ_obj2txt(
        text: *mut c_char,
        room: c_int,
        object: *const c_void,
        numbers_only: c_int,
    ) -> c_int;
    fn ASN1_STRING_get0_data(string: *const c_void) -> *const c_uchar;
    fn ASN1_STRING_length(string: *const c_void) -> c_int;
    fn ERR_clear_error();
}

/// `NID_pkcs7_signed`.
const SIGNED_DATA: c_int = 22;

/// What was parsed, until it is dropped.
struct ContentInfo(*mut c_void);

impl Drop for ContentInfo {
    fn drop(&mut self) {
        // SAFETY: it came from d2i_CMS_ContentInfo, and is freed once.
        unsafe { CMS_ContentInfo_free(self.0) }
    }
}

/// What OpenSSL sees.
pub fn by_openssl(data: &[u8]) -> Option<Seen> {
    let cms = parse(data)?;
    // SAFETY: `cms` is not null and lives until the end; what CMS_get0_* return belongs to it.
    unsafe {
        if OBJ_obj2nid(CMS_get0_type(cms.0)) != SIGNED_DATA {
            return None;
        }
        let content = CMS_get0_content(cms.0);
        let content = if content.is_null() { ptr::null_mut() } else { *content };
        let signers = CMS_get0_SignerInfos(cms.0);
        Some(Seen {
            content_type: low_halves(&dotted(CMS_get0_eContentType(cms.0))?),
            content: octets(content),
            signers: usize::try_from(OPENSSL_sk_num(signers)).unwrap_or(0),
        })
    }
}

fn parse(data: &[u8]) -> Option<ContentInfo> {
    let length = c_long::try_from(data.len()).ok()?;
    let mut octets = data.as_ptr();
    // SAFETY: `octets` points to `length` octets, which are only read.
    let cms = unsafe { d2i_CMS_ContentInfo(ptr::null_mut(), &mut octets, length) };
    // SAFETY: it has no preconditions. Without it each refusal would be kept.
    unsafe { ERR_clear_error() };
    (!cms.is_null()).then_some(ContentInfo(cms))
}

/// # Safety
/// `object` is null, or an ASN1_OBJECT.
unsafe fn dotted(object: *const c_void) -> Option<String> {
    if object.is_null() {
        return None;
    }
    let mut text = vec![0_u8; 4096];
    // SAFETY: there is room for 4096 characters, the end among them.
    let length = unsafe { OBJ_obj2txt(text.as_mut_ptr().cast(), 4096, object, 1) };
    text.truncate(usize::try_from(length).ok().filter(|length| *length < 4096)?);
    String::from_utf8(text).ok()
}

/// # Safety
/// `string` is null, or an ASN1_STRING.
unsafe fn octets(string: *const c_void) -> Vec<u8> {
    if string.is_null() {
        return Vec::new();
    }
    // SAFETY: both only read it, and the data are as long as it says.
    unsafe {
        let length = usize::try_from(ASN1_STRING_length(string)).unwrap_or(0);
        match ASN1_STRING_get0_data(string) {
            data if data.is_null() => Vec::new(),
            data => std::slice::from_raw_parts(data, length).to_vec(),
        }
    }
}
