//! A compliance check that asks Graph about the device that the CSR names.

use intune_sim::device::{Family, enrol};
use intune_sim::{
    Compliance, DeviceError, Endpoint, Error, Fault, ManagedDevice, Permission, SimulatorConfig,
    Times,
};
use scep_server::{GracePeriod, NotifyPolicy};

use crate::stage::{Stage, device};

const DEVICE: &str = "0f6c1f2e-aaaa-4bbb-8ccc-0123456789ab";

/// What a device gets that is in this state.
async fn enrolled(stage: &Stage, compliance: Compliance) -> Result<(), Error> {
    let mut managed = ManagedDevice::new(SimulatorConfig::TENANT, DEVICE);
    managed.compliance = compliance;
    managed.user = Stage::user();
    stage.simulator.put_device(managed).unwrap();
    let policy = stage.simulator.mint_challenge(DEVICE, "profile-1").unwrap();
    enrol(&device(Family::Apple), &stage.url, &policy).await.map(|_enrolled| ())
}

fn denied() -> Result<(), Error> {
    Err(Error::Device(DeviceError::Refused { fail_info: Some(2) }))
}

#[tokio::test]
async fn a_device_that_complies_enrols_and_another_does_not() {
    for (compliance, strict, lenient) in [
        (Compliance::Compliant, Ok(()), Ok(())),
        (Compliance::InGracePeriod, denied(), Ok(())),
        (Compliance::NonCompliant, denied(), denied()),
        (Compliance::Unknown, denied(), denied()),
    ] {
        for (grace, expected) in [(GracePeriod::Denied, strict), (GracePeriod::Allowed, lenient)] {
            let stage = Stage::checking(NotifyPolicy::BeforeDelivery, Some(grace)).await;
            let issued = usize::from(expected.is_ok());
            assert_eq!(enrolled(&stage, compliance).await, expected, "{compliance:?} {grace:?}");
            assert_eq!((stage.certificates(), stage.simulator.issued().len()), (issued, issued));
            // Intune learns that it was we who said no.
            assert_eq!(stage.simulator.failures().len(), 1 - issued);
        }
    }
}

#[tokio::test]
async fn what_graph_does_not_say_is_denied() {
    let stage = Stage::checking(NotifyPolicy::BeforeDelivery, Some(GracePeriod::Allowed)).await;
    for fault in [Fault::InternalError, Fault::MalformedJson, Fault::Dropped, Fault::Status(404)] {
        stage.simulator.inject(Endpoint::Compliance, fault.clone(), Times::N(1));
        assert_eq!(enrolled(&stage, Compliance::Compliant).await, denied(), "{fault:?}");
    }
    // A device that the CSR does not name by a GUID.
    let policy = stage.policy();
    let nameless = enrol(&device(Family::Apple), &stage.url, &policy).await;
    assert_eq!(nameless.map(|_| ()), denied());
    let directory_only = [Permission::GraphApplicationReadAll, Permission::ScepChallengeProvider];
    stage.simulator.set_permissions(SimulatorConfig::TENANT, directory_only).unwrap();
    stage.simulator.expire_tokens();
    assert_eq!(enrolled(&stage, Compliance::Compliant).await, denied());
    assert_eq!(stage.certificates(), 0);
}
