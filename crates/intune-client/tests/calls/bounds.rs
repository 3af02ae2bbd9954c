//! What a client never does: more at one time, for longer, or to elsewhere than it may.

use std::time::Duration;

use intune_client::service::{ServiceUrl, UrlPolicy};
use intune_client::{BearerHosts, ClientSettings, Loopback, Retries};

use crate::microsoft::{Act, Microsoft, Place};
use crate::support::{client, client_with, enrolment, tenant, verdict};

#[tokio::test(start_paused = true)]
async fn no_more_exchanges_than_allowed_are_under_way_at_one_time() {
    let microsoft = Microsoft::new();
    microsoft.set_latency(Duration::from_millis(200));
    let settings = ClientSettings { in_flight: 3, ..ClientSettings::default() };
    let (client, tenant) = (client_with(&microsoft, settings), tenant());
    let call = || {
        let (client, tenant) = (client.clone(), tenant.clone());
        tokio::spawn(async move { verdict(client.validate(&tenant, &enrolment()).await) })
    };
    for call in std::iter::repeat_with(call).take(30).collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "well");
    }
    assert_eq!(microsoft.most_in_flight(), 3);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_free_place_is_part_of_the_budget() {
    let microsoft = Microsoft::new();
    let settings = ClientSettings { in_flight: 1, ..ClientSettings::default() };
    let (client, tenant) = (client_with(&microsoft, settings), tenant());
    assert_eq!(verdict(client.validate(&tenant, &enrolment()).await), "well");
    microsoft.always(Place::Validate, Act::Slow(Duration::from_secs(7)));
    let hasty = client.within(Duration::from_secs(3));
    let (csr, other) = (enrolment(), enrolment());
    let (first, second) =
        tokio::join!(client.validate(&tenant, &csr), hasty.validate(&tenant, &other));
    assert_eq!(second.duration, Duration::from_secs(3));
    assert_eq!((verdict(first).as_str(), verdict(second).as_str()), ("well", "out_of_time"));
    assert_eq!(microsoft.count(Place::Validate), 2, "the one that waited was not sent");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_allowed_nothing_still_works() {
    let retries = Retries { attempts: 0, ..Retries::default() };
    let settings = ClientSettings { in_flight: 0, retries, ..ClientSettings::default() };
    let microsoft = Microsoft::new();
    let client = client_with(&microsoft, settings);
    assert_eq!(verdict(client.validate(&tenant(), &enrolment()).await), "well");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_leaves_nothing_behind() {
    let microsoft = Microsoft::new().then(Place::Validate, [Act::Hang]);
    let settings = ClientSettings { in_flight: 1, ..ClientSettings::default() };
    let (client, tenant) = (client_with(&microsoft, settings), tenant());
    let csr = enrolment();
    let given_up = tokio::time::timeout(Duration::from_secs(2), client.validate(&tenant, &csr));
    assert!(given_up.await.is_err());
    assert_eq!(verdict(client.validate(&tenant, &csr).await), "well");
}

#[tokio::test(start_paused = true)]
async fn the_waits_between_repeats_double_up_to_the_longest() {
    let microsoft = Microsoft::new();
    microsoft.always(Place::Validate, Act::Answer(503, String::new()));
    let retries = Retries { attempts: 100, ..Retries::default() };
    let settings = ClientSettings { retries, ..ClientSettings::default() };
    let called = client_with(&microsoft, settings).validate(&tenant(), &enrolment()).await;
    let at: Vec<_> = microsoft.at(Place::Validate).iter().map(|seen| seen.at.as_millis()).collect();
    assert_eq!(at, [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500]);
    assert_eq!(called.duration, Duration::from_millis(19_500), "the next one would be too late");
    assert_eq!(verdict(called), "503");
}

#[tokio::test(start_paused = true)]
async fn every_request_names_the_caller_and_the_activity_and_each_call_has_its_own() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    let first = client.validate(&tenant, &enrolment()).await.activity_id;
    let second = client.validate(&tenant, &enrolment()).await.activity_id;
    assert_ne!(first, second);
    let seen = microsoft.seen();
    assert_eq!(seen.len(), 5);
    for (index, seen) in seen.iter().enumerate() {
        let activity = if index < 4 { first } else { second };
        assert_eq!(seen.activity(), activity.to_string());
        assert_eq!(seen.header("User-Agent"), Some("Test/1.0"));
        assert_eq!(seen.header("UserAgent"), Some("Test/1.0"));
    }
    assert_eq!(seen[3].json()["request"]["callerInfo"], "Test/1.0");
    assert_eq!(seen[3].json()["request"]["transactionId"], "transaction-1");
}

fn admits(hosts: &BearerHosts, url: &str) -> bool {
    ServiceUrl::parse(url, UrlPolicy::HttpForTests).is_ok_and(|place| hosts.admits(&place))
}

#[test]
fn a_token_goes_to_microsoft_over_https_and_nowhere_else() {
    let hosts = BearerHosts::default();
    for good in [
        "https://fef.msub06.manage.microsoft.com/RACerts/StatelessPkiConnectorService",
        "https://FEF.MSUB06.Manage.Microsoft.COM/x",
        "https://manage.microsoft.com",
        "https://fef.unit.manage.microsoft.us:443/x",
    ] {
        assert!(admits(&hosts, good), "{good}");
    }
    for bad in [
        "http://fef.msub06.manage.microsoft.com/",
        "ftp://fef.msub06.manage.microsoft.com/",
        "https://evil.example/",
        "https://evilmanage.microsoft.com/",
        "https://manage.microsoft.com.evil.example/",
        "https://evil.example/manage.microsoft.com",
        "https://evil.example?manage.microsoft.com",
        "https://evil.example#.manage.microsoft.com",
        "https://manage.microsoft.com@evil.example/",
        "https://evil.example\\.manage.microsoft.com/",
        "https://evil.example\t.manage.microsoft.com/",
        "https://evil.example%2f.manage.microsoft.com/",
        "https://manage.microsoft.com:443:80/",
        "https://manage.microsoft.com:x/",
        "https:/manage.microsoft.com/",
        "https:///manage.microsoft.com/",
        "//manage.microsoft.com/",
        "https://",
        "",
        "https://localhost/",
        "https://127.0.0.1/",
        "http://[::1]:8080/",
    ] {
        assert!(!admits(&hosts, bad), "{bad}");
    }
}

#[test]
fn this_machine_is_a_place_for_tokens_only_where_that_is_said() {
    let hosts = BearerHosts::default().with_loopback(Loopback::Allowed);
    for good in
        ["http://127.0.0.1:8443/x", "http://localhost/x", "https://[::1]:1/x", "http://127.1.2.3/"]
    {
        assert!(admits(&hosts, good), "{good}");
    }
    for bad in [
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://10.0.0.1/",
        "http://128.0.0.1/",
    ] {
        assert!(!admits(&hosts, bad), "{bad}");
    }
}
