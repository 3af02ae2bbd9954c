//! What a child does until it is killed: it enrols in several tasks, and says what it tries and what was answered.

use std::sync::Arc;
use std::time::Duration;

use scep_store::{Begun, EnrolmentStore, Rejection};

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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    runtime.unwrap().block_on(async {
        let store = Place::named(&place).open().await;
        say("open");
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let random = Random::new(seed.wrapping_add(task));
            tasks.spawn(work(store.clone(), round, random));
        }
        tasks.join_all().await;
    });
}

async fn work(store: Arc<dyn EnrolmentStore>, round: u64, mut random: Random) {
    for step in 0_u64.. {
        if random.below(8) == 0 {
            count_crl(&store).await;
        }
        // Mostly challenges of this round, sometimes one of an earlier one.
        let of_round = if random.below(8) == 0 { random.below(round + 1) } else { round };
        let challenge = of_round * world::CHALLENGES + random.below(world::CHALLENGES);
        let csr = random.below(world::CSRS);
        enrol(&store, round, (challenge, csr, step), &mut random).await;
    }
}

async fn enrol(
    store: &Arc<dyn EnrolmentStore>,
    round: u64,
    (challenge, csr, step): (u64, u64, u64),
    random: &mut Random,
) {
    let now = world::time_of(round);
    let begin = world::request(challenge, csr, &format!("{round}/{step}"));
    let limited = random.below(2) == 0;
    let begin = if limited { begin.with_device_limit(world::device(round)) } else { begin };
    let reservation = match store.begin(&begin, now).await {
        Ok(Begun::Fresh(reservation)) => reservation,
        Ok(_) => return,
        // The server is down; it will be back.
        Err(_) => return tokio::time::sleep(Duration::from_millis(1)).await,
    };
    match random.below(8) {
        0 => drop(reservation), // as if its node had died
        1 => drop(store.release(reservation, now).await),
        2 => drop(store.reject(reservation, Rejection { fail_info: 2 }, now).await),
        _ => {
            let serial = random.next();
            let limited = u8::from(limited);
            say(&format!("try {challenge} {csr} {serial} {limited}"));
            if store
                .commit(reservation, world::certificate(serial), world::notice(serial), now)
                .await
                .is_ok()
            {
                say(&format!("done {serial}"));
            }
        }
    }
}

async fn count_crl(store: &Arc<dyn EnrolmentStore>) {
    if let Ok(number) = store.next_crl_number(&world::issuer()).await {
        say(&format!("crl {number}"));
    }
}

/// One line in one write, so that a killed child leaves no half of one behind another's.
fn say(line: &str) {
    use std::io::Write as _;
    let line = format!("journal: {line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
