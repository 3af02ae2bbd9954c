//! What a child does until it is killed: in several tasks it enrols, mints and withdraws passwords, records events, and says what
//! it tries and what was answered.

use std::sync::Arc;
use std::time::Duration;

use scep_store::{Begun, EnrolmentStore, Rejection, StoreError, Withdrawn};

use super::events;
use super::random::Random;
use super::world;

/// Where the database is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(std::path::PathBuf),
    Postgres(String),
    Redis(String),
}

/// What a child is to do.
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) round: u64,
    pub(crate) seed: u64,
}

const TASKS: u64 = 4;

impl Place {
    pub(crate) async fn open(&self) -> Arc<dyn EnrolmentStore> {
        match self {
            Self::Sqlite(path) => {
                Arc::new(scep_store::SqliteStore::open(path, Default::default()).unwrap())
            }
            Self::Postgres(config) => {
                Arc::new(crate::postgres::node(config, Default::default()).await)
            }
            Self::Redis(url) => Arc::new(crate::redis::node(url, Default::default()).await),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite {}", path.display()),
            Self::Postgres(config) => format!("postgres {config}"),
            Self::Redis(url) => format!("redis {url}"),
        }
    }

    fn named(name: &str) -> Self {
        let (kind, place) = name.split_once(' ').unwrap();
        match kind {
            "sqlite" => Self::Sqlite(place.into()),
            "postgres" => Self::Postgres(place.into()),
            "redis" => Self::Redis(place.into()),
            other => panic!("{other}"),
        }
    }
}

impl Job {
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("SCEP_STORE_CHILD", self.place.name()),
            ("SCEP_STORE_CHILD_ROUND", self.round.to_string()),
            ("SCEP_STORE_CHILD_SEED", self.seed.to_string()),
        ]
    }
}

/// In a child: works until it is killed. In the parent: returns at once.
pub(crate) fn work_if_asked() {
    let Ok(place) = std::env::var("SCEP_STORE_CHILD") else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (round, seed) = (number("SCEP_STORE_CHILD_ROUND"), number("SCEP_STORE_CHILD_SEED"));
    // The parent fails with it.
    std::panic::set_hook(Box::new(|panic| {
        say(&format!("panic {}", panic.to_string().replace('\n', " ")));
    }));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    runtime.unwrap().block_on(async {
        let store = Place::named(&place).open().await;
        say("open");
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let random = Random::new(seed.wrapping_add(task));
            let worker = Worker { store: store.clone(), round, task, random, recorded: 0 };
            tasks.spawn(worker.work());
        }
        tasks.join_all().await;
    });
}

/// One of the tasks.
struct Worker {
    store: Arc<dyn EnrolmentStore>,
    round: u64,
    task: u64,
    random: Random,
    /// How many events it tried to record.
    recorded: u64,
}

impl Worker {
    async fn work(mut self) {
        for step in 0_u64.. {
            match self.random.below(16) {
                0 | 1 => self.count_crl().await,
                2 | 3 => self.record().await,
                _ => {}
            }
            // Mostly challenges of this round, sometimes one of an earlier one.
            let earlier = self.random.below(8) == 0;
            let of_round = if earlier { self.random.below(self.round + 1) } else { self.round };
            let challenge = of_round * world::CHALLENGES + self.random.below(world::CHALLENGES);
            if !world::is_password(challenge) || self.finds_good(challenge).await {
                self.enrol(challenge, step).await;
            }
        }
    }

    async fn enrol(&mut self, challenge: u64, step: u64) {
        let (now, csr) = (world::time_of(self.round), self.random.below(world::CSRS));
        let begin = world::request(challenge, csr, &format!("{}/{step}", self.round));
        let (limited, counted) = (self.random.below(2) == 0, self.random.below(2) == 0);
        let begin =
            if limited { begin.with_device_limit(world::device(self.round)) } else { begin };
        let allowance = world::allowance(self.round);
        let begin = if counted { begin.with_endpoint_allowance(allowance) } else { begin };
        let reservation = match self.store.begin(&begin, now).await {
            Ok(Begun::Fresh(reservation)) => reservation,
            Ok(_) => return,
            Err(error) => return away(&error).await,
        };
        match self.random.below(8) {
            0 => drop(reservation), // as if its node had died
            1 => drop(self.store.release(reservation, now).await),
            2 => drop(self.store.reject(reservation, Rejection { fail_info: 2 }, now).await),
            _ => {
                let serial = self.random.next();
                let (limited, counted) = (u8::from(limited), u8::from(counted));
                say(&format!("try {challenge} {csr} {serial} {limited} {counted}"));
                let (certificate, notice) = (world::certificate(serial), world::notice(serial));
                if self.store.commit(reservation, certificate, notice, now).await.is_ok() {
                    say(&format!("done {serial}"));
                }
            }
        }
    }

    /// Looks a password up as a server does; one that is not there it mints, and now and then it withdraws one instead.
    async fn finds_good(&mut self, challenge: u64) -> bool {
        match self.store.password(&world::password(challenge).key).await {
            Ok(Some(found)) if found.withdrawn.is_some() => return false,
            Ok(Some(_)) if self.random.below(12) != 0 => return true,
            Ok(Some(_)) => self.withdraw(challenge).await,
            Ok(None) => self.mint(challenge).await,
            Err(error) => away(&error).await,
        }
        false
    }

    async fn mint(&self, challenge: u64) {
        let (password, now) = (world::password(challenge), world::time_of(self.round));
        say(&format!("mint {challenge}"));
        if self.store.add_password(&password, world::LIVE_PASSWORDS, now).await.is_ok() {
            say(&format!("minted {challenge}"));
        }
    }

    async fn withdraw(&self, challenge: u64) {
        let (password, now) = (world::password(challenge), world::time_of(self.round));
        say(&format!("withdraw {challenge}"));
        let endpoint = &password.facts.endpoint;
        match self.store.withdraw_password(endpoint, &password.key, now).await {
            Ok(Withdrawn::Now) => {
                say(&format!("withdrawn {challenge}"));
                if let Ok(found) = self.store.password(&password.key).await {
                    let withdrawn = found.is_some_and(|found| found.withdrawn.is_some());
                    assert!(withdrawn, "password {challenge} is good again");
                }
            }
            Ok(Withdrawn::Used) => say(&format!("used {challenge}")),
            Ok(Withdrawn::Unknown) | Err(_) => {}
        }
    }

    async fn record(&mut self) {
        let (first, count) = (self.recorded, 1 + self.random.below(4));
        self.recorded += count;
        let new = |number| events::Name { round: self.round, task: self.task, number }.event();
        let new: Vec<_> = (first..first + count).map(new).collect();
        let what = format!("{} {first} {count}", self.task);
        say(&format!("record {what}"));
        if self.store.record_events(&new, world::time_of(self.round)).await.is_ok() {
            say(&format!("recorded {what}"));
        }
    }

    async fn count_crl(&self) {
        if let Ok(number) = self.store.next_crl_number(&world::issuer()).await {
            say(&format!("crl {number}"));
        }
    }
}

/// The server is down; it will be back.
async fn away(error: &StoreError) {
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// One line in one write, so that a killed child leaves no half of one behind another's.
fn say(line: &str) {
    use std::io::Write as _;
    let line = format!("journal: {line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
