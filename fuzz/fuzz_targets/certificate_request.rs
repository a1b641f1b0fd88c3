//! Certificate requests, which anybody with a bootstrap token may send.
#![no_main]

use controllers::certificates::{Request, client_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Request::parse(bytes);
    // The same bytes in the frame that is asked for.
    let mut pem = b"-----BEGIN CERTIFICATE REQUEST-----\n".to_vec();
    pem.extend_from_slice(bytes);
    pem.extend_from_slice(b"\n-----END CERTIFICATE REQUEST-----\n");
    let _ = Request::parse(&pem);
    // What is made here can be read, whatever the names are.
    if let Ok(name) = std::str::from_utf8(bytes)
        && let Ok(made) = client_request(name, &[name.to_owned()])
    {
        let read = Request::parse(made.request_pem.as_bytes()).expect("readable");
        assert_eq!(read.common_name, name);
    }
});
