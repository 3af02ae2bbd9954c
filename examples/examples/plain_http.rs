//! SCEP without a web framework: a listener of the standard library, and twenty lines between it and the endpoint.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};
use scep_client::{Client, Identity, now, self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_examples::Pki;
use scep_proto::CaAnchor;
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_proto::http::{MAX_MESSAGE, Method, PKI_MESSAGE, Request, TEXT_PLAIN};
use scep_server::{Endpoint, Mode, Response};
use scep_types::{KeyKind, Name, Secret, oid};
use tokio::runtime::Runtime;

/// A request as it came: method, query, body.
type Received = (Method, String, Vec<u8>);
/// An answer as it goes: status, media type, body.
type Answer = (u16, &'static str, Vec<u8>);

/// The adapter: the library says what a request is, the endpoint what it gets, and HTTP carries both.
fn answer(endpoint: &Endpoint, runtime: &Runtime, (method, query, body): Received) -> Answer {
    match Request::parse(method, Some(&query), body.into()) {
        Ok(Request::GetCaCaps) => (200, TEXT_PLAIN, endpoint.capabilities().to_answer().into()),
        Ok(Request::GetCaCert) => {
            let (media_type, certificates) = endpoint.ca_certificates();
            (200, media_type, certificates.to_vec())
        }
        Ok(Request::GetNextCaCert) => (404, TEXT_PLAIN, b"there is no next CA\n".to_vec()),
        Ok(Request::PkiOperation(message)) => {
            match runtime.block_on(endpoint.handle(message, now())) {
                Response::Message(reply) => (200, PKI_MESSAGE, reply.to_vec()),
                Response::Unreadable => (400, TEXT_PLAIN, b"not a pkiMessage\n".to_vec()),
                Response::ComeAgain { .. } => (503, TEXT_PLAIN, b"come again\n".to_vec()),
                Response::Broken => (500, TEXT_PLAIN, b"failed\n".to_vec()),
            }
        }
        Err(scep_proto::Error::Malformed(_)) => (413, TEXT_PLAIN, b"too large\n".to_vec()),
        Err(_) => (400, TEXT_PLAIN, b"not a SCEP request\n".to_vec()),
    }
}

fn main() -> Result<()> {
    let (pki, password) = (Pki::generate()?, Secret::new("only-an-example"));
    let endpoint = pki.endpoint(Mode::Static(password.clone()))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/scep", listener.local_addr()?);
    println!("serving {url}");
    thread::spawn(move || serve(&listener, &endpoint));

    let key = SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?;
    let subject = Name::build(&[(oid::COMMON_NAME, "device-1")]);
    let csr = sign_csr(&key, &subject, Some(&password), &[])?;
    let signer = self_signed(&key, &subject, now(), provider().random)?;
    let anchor = CaAnchor::Certificate(Box::new(pki.ca.clone()));
    let settings = EnrolmentSettings::new(CaTrust::Anchor(anchor));
    let (client, identity) = (Client::new(&url, provider())?, Identity::new(csr, signer, &key));
    let enrolment = client.enrol(settings, &identity, |progress| println!("{progress}"));
    let issued = Runtime::new()?.block_on(enrolment)?;
    println!("{} has {}", issued.certificate.subject(), issued.certificate.serial_hex());
    pki.check(&issued.certificate, now())
}

/// One connection after the other, one request each.
fn serve(listener: &TcpListener, endpoint: &Endpoint) -> Result<()> {
    let runtime = Runtime::new()?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        let (status, media_type, body) = match receive(&stream) {
            Ok(received) => answer(endpoint, &runtime, received),
            Err(_) => (400, TEXT_PLAIN, b"not HTTP\n".to_vec()),
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} SCEP\r\nContent-Type: {media_type}\r\n")?;
        write!(stream, "Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
        stream.write_all(&body)?;
    }
    Ok(())
}

/// Just enough HTTP for an example: a server on the network leaves this to a library, which knows time-outs, too.
fn receive(stream: &TcpStream) -> Result<Received> {
    let limit = u64::try_from(2 * MAX_MESSAGE)?;
    let mut reader = BufReader::new(stream.take(limit));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let method = match words.next() {
        Some("GET") => Method::Get,
        _ => Method::Post,
    };
    let target = words.next().context("no target")?;
    let query = target.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok((method, query, body))
}
