//! What goes well, and what the service says no to.

use std::time::Duration;

use intune_sim::device::enrol;
use intune_sim::{DeviceError, Endpoint, Error};
use scep_server::NotifyPolicy;

use crate::stage::{FAMILIES, Stage, device};

#[tokio::test]
async fn a_device_of_each_family_enrols_and_the_service_knows_its_certificate() {
    for family in FAMILIES {
        let stage = Stage::set(NotifyPolicy::BeforeDelivery).await;
        let enrolled = enrol(&device(family), &stage.url, &stage.policy()).await.unwrap();
        let [record] = &stage.simulator.issued()[..] else { panic!("{family:?}") };
        assert_eq!(record.serial_number, enrolled.certificate.serial_hex());
        assert_eq!(record.issuing_certificate_authority, enrolled.certificate.issuer().to_string());
        for (endpoint, calls) in [
            (Endpoint::Token, 2),
            (Endpoint::Discovery, 1),
            (Endpoint::Validate, 1),
            (Endpoint::SuccessNotification, 1),
            (Endpoint::FailureNotification, 0),
        ] {
            assert_eq!(stage.simulator.count(endpoint), calls, "{family:?}: {endpoint:?}");
        }
        assert_eq!(stage.store.usage().unwrap().notices, 0);
    }
}

#[tokio::test]
async fn a_lost_reply_is_had_again_without_a_call_even_when_the_challenge_is_over() {
    for family in FAMILIES {
        let stage = Stage::set(NotifyPolicy::BeforeDelivery).await;
        let (session, request) = stage.message(&device(family), &stage.policy()).await;
        let first = session.send(&request).await.unwrap();
        stage.simulator.advance(Duration::from_secs(2 * 60 * 60));
        stage.simulator.forget_requests();
        let again = session.send(&request).await.unwrap();
        assert_eq!(again.certificate, first.certificate, "{family:?}");
        assert!(stage.simulator.requests().is_empty(), "{family:?}");
    }
}

#[tokio::test]
async fn what_the_service_denies_gets_no_certificate() {
    for family in FAMILIES {
        let stage = Stage::set(NotifyPolicy::BeforeDelivery).await;
        // An expired challenge: badTime.
        let expired = stage.policy();
        stage.simulator.advance(Duration::from_secs(61 * 60));
        let refused = enrol(&device(family), &stage.url, &expired).await.unwrap_err();
        assert_eq!(refused, Error::Device(DeviceError::Refused { fail_info: Some(3) }));
        // The challenge of another profile's CSR: badRequest.
        let tampered = stage.policy().with_spec(|spec| spec.subject.clear());
        let refused = enrol(&device(family), &stage.url, &tampered).await.unwrap_err();
        assert_eq!(refused, Error::Device(DeviceError::Refused { fail_info: Some(2) }));
        assert_eq!(stage.certificates(), 0);
        // The service is not told of what it said itself.
        assert_eq!(stage.simulator.count(Endpoint::FailureNotification), 0);
    }
}
