//! What fails: the device comes again with the same message, and gets the one certificate.

use std::time::Duration;

use intune_sim::device::Family;
use intune_sim::{DeviceError, Endpoint, Error, Fault, Times};
use scep_server::NotifyPolicy;

use crate::stage::{Stage, device};

fn come_again(error: Error) -> u64 {
    match error {
        Error::Device(DeviceError::Http { status: 503, retry_after: Some(seconds) }) => seconds,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_outage_at_any_step_costs_nothing_but_time() {
    for (endpoint, fault) in [
        (Endpoint::Token, Fault::InternalError),
        (Endpoint::Discovery, Fault::Status(403)),
        (Endpoint::Validate, Fault::ServiceUnavailable(Some(40))),
        (Endpoint::Validate, Fault::MalformedJson),
        (Endpoint::Validate, Fault::WithoutCode),
        (Endpoint::Validate, Fault::Dropped),
    ] {
        let stage = Stage::set(NotifyPolicy::BeforeDelivery).await;
        stage.simulator.inject(endpoint, fault.clone(), Times::N(1));
        let (session, request) = stage.message(&device(Family::Windows), &stage.policy()).await;
        let wait = come_again(session.send(&request).await.unwrap_err());
        assert!((5..=600).contains(&wait), "{fault:?}");
        let usage = stage.store.usage().unwrap();
        assert_eq!((usage.certificates, usage.challenges), (0, 0), "{fault:?}");
        assert_eq!(stage.simulator.count(Endpoint::FailureNotification), 0, "{fault:?}");
        if endpoint != Endpoint::Validate {
            continue; // tokens and places that could not be had are asked for again after some seconds only
        }
        session.send(&request).await.unwrap();
        assert_eq!((stage.certificates(), stage.simulator.issued().len()), (1, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_kept_back_until_the_service_took_note_of_it() {
    for fault in [Fault::InternalError, Fault::AnswerLost, Fault::TooManyRequests(Some(7))] {
        let stage = Stage::set(NotifyPolicy::BeforeDelivery).await;
        let lost = fault == Fault::AnswerLost;
        stage.simulator.inject(Endpoint::SuccessNotification, fault, Times::N(2));
        let (session, request) = stage.message(&device(Family::Apple), &stage.policy()).await;
        for _ in 0..2 {
            come_again(session.send(&request).await.unwrap_err());
        }
        assert_eq!((stage.certificates(), stage.simulator.issued().len()), (1, usize::from(lost)));
        let enrolled = session.send(&request).await.unwrap();
        let [record] = &stage.simulator.issued()[..] else { panic!() };
        assert_eq!(record.serial_number, enrolled.certificate.serial_hex());
        assert_eq!((stage.certificates(), stage.simulator.count(Endpoint::Validate)), (1, 1));
    }
}

#[tokio::test]
async fn delivered_first_the_service_learns_of_it_when_it_is_back() {
    let stage = Stage::set(NotifyPolicy::DeliverThenNotify).await;
    stage.simulator.inject(Endpoint::SuccessNotification, Fault::InternalError, Times::N(1));
    let (session, request) = stage.message(&device(Family::Android), &stage.policy()).await;
    let enrolled = session.send(&request).await.unwrap();
    assert_eq!(stage.outbox.run_once().await.unwrap().postponed, 1);
    assert!(stage.simulator.issued().is_empty());
    stage.advance(Duration::from_secs(60));
    assert_eq!(stage.outbox.run_once().await.unwrap().delivered, 1);
    assert_eq!(stage.simulator.issued()[0].serial_number, enrolled.certificate.serial_hex());
}
