//! Tokens and places are fetched once, early, again when they do not serve, and not too often.

use std::time::Duration;

use intune_client::{Client, CredentialFile, Tenant};
use tokio::time::{Instant, advance};

use crate::microsoft::{Act, CONNECTOR, Microsoft, Place, SECRET, VALIDATION};
use crate::support::{application, client, enrolment, settings, tenant, tenant_of, verdict};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn validate(client: &Client<Microsoft>, tenant: &Tenant) -> String {
    verdict(client.validate(tenant, &enrolment()).await)
}

#[tokio::test(start_paused = true)]
async fn sixty_four_calls_at_one_time_share_two_tokens_and_one_discovery() {
    let microsoft = Microsoft::new();
    microsoft.set_latency(Duration::from_millis(200));
    let (client, tenant) = (client(&microsoft), tenant());
    let call = || {
        let (client, tenant) = (client.clone(), tenant.clone());
        tokio::spawn(async move { validate(&client, &tenant).await })
    };
    let calls: Vec<_> = std::iter::repeat_with(call).take(64).collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "well");
    }
    assert_eq!(microsoft.counts(), (2, 1, 64));
    assert_eq!(microsoft.most_in_flight(), 64);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_while_it_fetches_leaves_it_to_the_next() {
    let microsoft = Microsoft::new().then(Place::GraphToken, [Act::Hang]);
    let (client, tenant) = (client(&microsoft), tenant());
    let hasty = client.within(Duration::from_secs(1));
    let started = Instant::now();
    let (first, second) = tokio::join!(validate(&hasty, &tenant), validate(&client, &tenant));
    assert_eq!((first.as_str(), second.as_str()), ("out_of_time", "well"));
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert_eq!(microsoft.counts(), (3, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_five_minutes_early_by_one_while_others_go_on() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    advance(HOUR - Duration::from_secs(302)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(microsoft.count(Place::IntuneToken), 1);

    advance(Duration::from_secs(1)).await;
    microsoft.always(Place::IntuneToken, Act::Slow(Duration::from_secs(3)));
    let started = Instant::now();
    let other = async {
        let verdict = validate(&client, &tenant).await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        verdict
    };
    let (renewing, other) = tokio::join!(validate(&client, &tenant), other);
    assert_eq!((renewing.as_str(), other.as_str()), ("well", "well"));
    assert_eq!(started.elapsed(), Duration::from_secs(3));
    assert_eq!(microsoft.count(Place::IntuneToken), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_renewed_serves_until_its_end() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    microsoft.always(Place::IntuneToken, Act::Hang);
    advance(HOUR - Duration::from_secs(300)).await;
    let started = Instant::now();
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(started.elapsed(), Duration::from_secs(5), "no longer than that for a better one");
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(started.elapsed(), Duration::from_secs(5), "and not for each call");

    advance(Duration::from_secs(240)).await;
    assert_eq!(validate(&client, &tenant).await, "timeout");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_for_two_seconds_serves_for_one_and_a_half() {
    let microsoft = Microsoft::new();
    microsoft.set_expires_in(2);
    let (client, tenant) = (client(&microsoft), tenant());
    for (milliseconds, tokens) in [(0, 1), (999, 1), (1, 2), (500, 2)] {
        advance(Duration::from_millis(milliseconds)).await;
        assert_eq!(validate(&client, &tenant).await, "well");
        assert_eq!(microsoft.count(Place::IntuneToken), tokens);
    }
    advance(Duration::from_millis(1_000)).await;
    microsoft.always(
        Place::IntuneToken,
        Act::Answer(400, r#"{"error":"invalid_client","error_codes":[7000222]}"#.to_owned()),
    );
    assert_eq!(validate(&client, &tenant).await, "expired_secret", "the old token is over");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_taken_any_more_is_replaced_once() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    microsoft.expire_tokens();
    let called = client.validate(&tenant, &enrolment()).await;
    assert_eq!(called.attempts, 2);
    assert_eq!(verdict(called), "well");
    assert_eq!(microsoft.count(Place::IntuneToken), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_that_find_the_same_token_refused_share_its_replacement() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    microsoft.expire_tokens();
    microsoft.set_latency(Duration::from_millis(200));
    let one = || validate(&client, &tenant);
    let all = tokio::join!(one(), one(), one(), one());
    assert_eq!([all.0, all.1, all.2, all.3], ["well"; 4]);
    assert_eq!(microsoft.count(Place::IntuneToken), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_no_token_does_not_cost_a_token_a_call() {
    let microsoft = Microsoft::new();
    microsoft.always(Place::Validate, Act::Answer(401, String::new()));
    let (client, tenant) = (client(&microsoft), tenant());
    for _ in 0..10 {
        assert_eq!(validate(&client, &tenant).await, "intune_token_refused");
    }
    assert_eq!((microsoft.count(Place::IntuneToken), microsoft.count(Place::Validate)), (2, 11));
    advance(Duration::from_secs(60)).await;
    assert_eq!(validate(&client, &tenant).await, "intune_token_refused");
    assert_eq!(microsoft.count(Place::IntuneToken), 3);
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_granted_is_noticed_by_the_next_call() {
    let microsoft =
        Microsoft::new().then(Place::Validate, [Act::Answer(403, String::new()), Act::Well]);
    let (client, tenant) = (client(&microsoft), tenant());
    let called = client.validate(&tenant, &enrolment()).await;
    assert_eq!(called.attempts, 1);
    assert_eq!(verdict(called), "intune_permission");
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(microsoft.count(Place::IntuneToken), 2, "the old token does not have it");
}

#[tokio::test(start_paused = true)]
async fn a_refused_secret_is_tried_again_after_five_seconds_and_not_before() {
    let microsoft = Microsoft::new();
    microsoft.set_secret("another");
    let (client, tenant) = (client(&microsoft), tenant());
    for _ in 0..10 {
        assert_eq!(validate(&client, &tenant).await, "wrong_secret");
    }
    assert_eq!(microsoft.counts(), (1, 0, 0));
    microsoft.set_secret(SECRET);
    advance(Duration::from_secs(5)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
}

#[tokio::test(start_paused = true)]
async fn a_new_secret_in_its_file_counts_without_a_restart() {
    let microsoft = Microsoft::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{SECRET}\n")).unwrap();
    let tenant = Tenant::new(application("t"), CredentialFile::secret(file.path()), settings());
    let client = client(&microsoft);
    assert_eq!(validate(&client, &tenant).await, "well");

    microsoft.set_secret("another-one");
    microsoft.expire_tokens();
    assert_eq!(validate(&client, &tenant).await, "wrong_secret");
    std::fs::write(file.path(), "another-one\r\n").unwrap();
    advance(Duration::from_secs(5)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
    std::fs::write(file.path(), " \n").unwrap();
    microsoft.expire_tokens();
    advance(Duration::from_secs(60)).await;
    assert_eq!(validate(&client, &tenant).await, "credential");
}

#[tokio::test(start_paused = true)]
async fn places_are_looked_up_again_after_twelve_hours() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    advance(12 * HOUR - Duration::from_secs(1)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(microsoft.count(Place::Discovery), 1);
    advance(Duration::from_secs(1)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(microsoft.count(Place::Discovery), 2);
}

#[tokio::test(start_paused = true)]
async fn an_old_place_serves_while_there_is_no_new_one() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    microsoft.always(Place::Discovery, Act::Answer(500, String::new()));
    advance(24 * HOUR).await;
    for _ in 0..3 {
        assert_eq!(validate(&client, &tenant).await, "well");
    }
    assert_eq!(microsoft.count(Place::Discovery), 1 + 3, "one look-up, repeated as any");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_has_moved_is_looked_up_and_asked_in_the_same_call() {
    for status in [404, 410, 421] {
        let microsoft = Microsoft::new();
        let (client, tenant) = (client(&microsoft), tenant());
        assert_eq!(validate(&client, &tenant).await, "well");
        let microsoft = microsoft.then(Place::Validate, [Act::Answer(status, String::new())]);
        microsoft.move_to("msub07");
        let called = client.validate(&tenant, &enrolment()).await;
        assert_eq!(called.attempts, 2);
        assert_eq!(verdict(called), "well");
        assert_eq!(microsoft.count(Place::Discovery), 2);
        assert!(microsoft.at(Place::Validate).last().unwrap().url.contains("fef.msub07-"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_connected_to_serves_again_if_there_is_no_other() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    let microsoft = microsoft.then(Place::Validate, [Act::Refuse]);
    microsoft.always(Place::Discovery, Act::BreakOff);
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!((microsoft.count(Place::Discovery), microsoft.count(Place::Validate)), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_hangs_does_not_use_up_the_budget_of_a_place_that_serves() {
    let microsoft = Microsoft::new();
    let (client, tenant) = (client(&microsoft), tenant());
    assert_eq!(validate(&client, &tenant).await, "well");
    let microsoft = microsoft.then(Place::Validate, [Act::Refuse]);
    microsoft.always(Place::Discovery, Act::Hang);
    for duration in [5, 0, 0] {
        let called = client.validate(&tenant, &enrolment()).await;
        assert_eq!(called.duration, Duration::from_secs(duration));
        assert_eq!(verdict(called), "well");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_nowhere_does_not_cost_a_discovery_a_call() {
    let microsoft = Microsoft::new();
    microsoft.always(Place::Validate, Act::Answer(404, String::new()));
    let (client, tenant) = (client(&microsoft), tenant());
    for _ in 0..10 {
        assert_ne!(validate(&client, &tenant).await, "well");
    }
    assert_eq!((microsoft.count(Place::Discovery), microsoft.count(Place::Validate)), (2, 11));
    microsoft.always(Place::Validate, Act::Well);
    assert_eq!(validate(&client, &tenant).await, "well");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_listed_is_looked_for_once_a_minute() {
    let microsoft = Microsoft::new();
    microsoft.set_services(vec![CONNECTOR]);
    let (client, tenant) = (client(&microsoft), tenant());
    for _ in 0..5 {
        assert_eq!(validate(&client, &tenant).await, "service_not_listed");
    }
    assert_eq!(microsoft.counts(), (1, 1, 0));
    microsoft.set_services(vec![CONNECTOR, VALIDATION]);
    advance(Duration::from_secs(60)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_refuses_is_asked_again_after_a_minute_with_a_new_token() {
    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#;
    let microsoft = Microsoft::new().then(Place::Discovery, [Act::Answer(403, denied.to_owned())]);
    let (client, tenant) = (client(&microsoft), tenant());
    for _ in 0..5 {
        assert_eq!(validate(&client, &tenant).await, "graph_permission");
    }
    assert_eq!(microsoft.counts(), (1, 1, 0));
    advance(Duration::from_secs(60)).await;
    assert_eq!(validate(&client, &tenant).await, "well");
    assert_eq!(microsoft.count(Place::GraphToken), 2);
}

#[tokio::test(start_paused = true)]
async fn tenants_have_their_own_tokens_and_places() {
    let microsoft = Microsoft::new();
    let client = client(&microsoft);
    let tenants: Vec<_> = (0..8).map(|n| tenant_of(&format!("tenant-{n}.example"))).collect();
    let all = tenants.iter().cycle().take(64).map(|tenant| {
        let (client, tenant) = (client.clone(), tenant.clone());
        // The stand-in has a scale unit for each tenant and knows each token's tenant.
        tokio::spawn(async move { validate(&client, &tenant).await })
    });
    for call in all.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "well");
    }
    assert_eq!(microsoft.counts(), (16, 8, 64));
}
