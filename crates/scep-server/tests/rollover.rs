//! GetNextCACert: what the CA will be, said by the CA that is.

use scep_ca::Incompatibility;
use scep_proto::{Capabilities, NextCa};
use scep_server::{Misconfigured, NextAuthority};
use scep_types::AlgorithmPolicy;

use crate::support::pki::{CA_USAGES, RA_USAGES, Template, with_ra};
use crate::support::server::{Server, signed};
use crate::support::{NOW, provider};

/// The CA to come, whose key is one of a curve.
fn next_ca() -> Template {
    Template { common_name: "Next CA", key: "p384-ca", ..Template::ca() }
}

fn next() -> NextAuthority {
    let ra = Template { common_name: "Next RA", key: "rsa2048-signer", ..Template::ra() };
    let (ca, ra) = (next_ca().self_signed(), vec![ra.issued_by(&next_ca())]);
    NextAuthority::Announced { ca, ra }
}

const TARGET: &str = "/scep?operation=GetNextCACert";

// R-4.7.1-01, R-4.7.1-05, R-3.5.2-12
#[tokio::test]
async fn the_next_ca_is_handed_out_signed_by_the_current_one() {
    let next = next();
    let server = Server::with_password(|config| config.next = Some(next.clone()));
    assert!(server.endpoint.capabilities().contains(Capabilities::GET_NEXT_CA_CERT));
    let answer = server.get(TARGET).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/x-x509-next-ca-cert"));
    let policy = AlgorithmPolicy::Modern;
    let told = NextCa::verify(answer.body, &server.ca(), &provider(), policy).unwrap();
    let NextAuthority::Announced { ca, ra } = next else { panic!("only announced") };
    assert_eq!(told.ca().certificates(), [ra[0].clone(), ca.clone()]);
    assert_eq!(told.ca().issuer(), &ca);
    assert_eq!(told.ca().encryption(), &ra[0]);
}

// R-4.7.1-01
#[tokio::test]
async fn it_is_signed_once_however_often_it_is_asked_for() {
    // ECDSA draws a random number for each signature.
    let ca = Template { key: "p256-ca", usages: CA_USAGES.to_vec(), ..Template::ca() };
    let server = Server::with(signed(), |config| {
        config.authority = with_ra(&ca, &Template::ra());
        config.next = Some(next());
    });
    let first = server.get(TARGET).await;
    assert_eq!(first.status, 200);
    assert_eq!(server.get(TARGET).await.body, first.body);
}

// R-4.7.1-06, R-3.5.2-12
#[tokio::test]
async fn without_a_next_ca_it_is_not_offered() {
    let server = Server::with_password(|_| ());
    assert!(!server.endpoint.capabilities().contains(Capabilities::GET_NEXT_CA_CERT));
    let answer = server.get(TARGET).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

#[test]
fn what_is_no_ca_or_over_or_another_s_ra_is_no_next_ca() {
    let expired = Template { not_after: (2026, 2, 1), ..next_ca() };
    let signs_nothing = Template { usages: RA_USAGES.to_vec(), ..next_ca() };
    let announced = |ca, ra| NextAuthority::Announced { ca, ra };
    let of_ca = |template: &Template| announced(template.self_signed(), Vec::new());
    let leaf = Template { ca: false, ..next_ca() };
    let stranger = Template { key: "p256-ca", ..Template::ca() };
    for (next, defect) in [
        (of_ca(&leaf), Misconfigured::NextCa(Incompatibility::NotCa)),
        (of_ca(&signs_nothing), Misconfigured::NextCa(Incompatibility::LacksKeyCertSign)),
        (of_ca(&expired), Misconfigured::NextCa(Incompatibility::NotValid(NOW))),
        (
            announced(next_ca().self_signed(), vec![Template::ra().issued_by(&stranger)]),
            Misconfigured::NextRa(0),
        ),
    ] {
        assert_eq!(crate::config::defect(|config| config.next = Some(next)), defect);
    }
}
