//! A query: bounded, and a message that is read from it is read again from how we write it.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use scep_proto::http::{MAX_MESSAGE, Method, Request, decode_message, encode_message};

fuzz_target!(|data: &[u8]| {
    let query = String::from_utf8_lossy(data);
    for (method, query) in
        [(Method::Get, Some(&*query)), (Method::Get, None), (Method::Post, Some(&*query))]
    {
        let body = Bytes::copy_from_slice(data);
        if let Ok(Request::PkiOperation(message)) = Request::parse(method, query, body) {
            assert!(message.len() <= MAX_MESSAGE);
            assert_eq!(decode_message(&encode_message(&message)), Ok(message));
        }
    }
});
