//! Rates by the generic cell rate algorithm: of each client one moment is kept, when it will have used up what it took.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::limit::Rate;

/// Clients that are kept at a time, about 100 octets each. Where more ask at once, as only a flood does, the rest is
/// limited by what limits all together: the global rate, and the worker pool.
const MOST_CLIENTS: usize = 100_000;
/// How often clients that used up nothing any more are looked for while there is no room.
const SWEEP: Duration = Duration::from_secs(1);

/// The rate of all together. Times are counted from any one moment.
pub(super) struct Pace {
    rule: Rule,
    used_until: Mutex<Duration>,
}

/// A rate for each client.
pub(super) struct Paces {
    rule: Rule,
    most: usize,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    used_until: HashMap<IpAddr, Duration>,
    next_sweep: Duration,
}

/// One each `interval`, and so many at once that `ahead` is used up.
#[derive(Debug, Clone, Copy)]
struct Rule {
    interval: Duration,
    ahead: Duration,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rule: Rule::of(rate), used_until: Mutex::default() }
    }

    /// Takes one, or says after how long there will be one.
    pub(super) fn admit(&self, now: Duration) -> Result<(), Duration> {
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        *used_until = self.rule.admit(*used_until, now)?;
        Ok(())
    }
}

impl Paces {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rule: Rule::of(rate), most: MOST_CLIENTS, clients: Mutex::default() }
    }

    /// Takes one of this client's, or says after how long there will be one.
    pub(super) fn admit(&self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        let mut clients = self.clients();
        if let Some(used_until) = clients.used_until.get_mut(&client) {
            *used_until = self.rule.admit(*used_until, now)?;
            return Ok(());
        }
        if clients.has_room(self.most, now) {
            let used_until = self.rule.admit(Duration::ZERO, now)?;
            clients.used_until.insert(client, used_until);
        }
        Ok(())
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    fn has_room(&mut self, most: usize, now: Duration) -> bool {
        if self.used_until.len() >= most && now >= self.next_sweep {
            self.next_sweep = now.saturating_add(SWEEP);
            self.used_until.retain(|_, used_until| *used_until > now);
        }
        self.used_until.len() < most
    }
}

impl Rule {
    fn of(rate: Rate) -> Self {
        let interval = rate.per / rate.requests.get();
        Self { interval, ahead: interval.saturating_mul(rate.burst.get()) }
    }

    /// Until when all is used up that was taken, this one included; or how long to wait for it.
    fn admit(self, used_until: Duration, now: Duration) -> Result<Duration, Duration> {
        let after = used_until.max(now).saturating_add(self.interval);
        match after.saturating_sub(now).checked_sub(self.ahead) {
            None | Some(Duration::ZERO) => Ok(after),
            Some(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn rate(requests: u32, per: Duration, burst: u32) -> Rate {
        let number = |number| NonZeroU32::new(number).unwrap();
        Rate { requests: number(requests), per, burst: number(burst) }
    }

    fn client(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    #[test]
    fn who_waits_as_long_as_it_is_told_to_is_admitted_and_not_before() {
        let pace = Pace::new(rate(2, Duration::from_secs(1), 3));
        let at = Duration::from_millis;
        for _ in 0..3 {
            assert_eq!(pace.admit(at(100)), Ok(()));
        }
        assert_eq!(pace.admit(at(100)), Err(at(500)));
        assert_eq!(pace.admit(at(599)), Err(at(1)));
        assert_eq!(pace.admit(at(600)), Ok(()));
        assert_eq!(pace.admit(at(600)), Err(at(500)));
        // Whoever was silent for long has its burst again, and no more.
        for expected in [true, true, true, false] {
            assert_eq!(pace.admit(at(60_000)).is_ok(), expected);
        }
    }

    #[test]
    fn a_flood_of_clients_takes_no_more_room_and_frees_nobody_who_is_known() {
        let mut paces = Paces::new(rate(1, Duration::from_secs(10), 1));
        paces.most = 100;
        let now = Duration::from_secs(1);
        for number in 0..1_000 {
            assert_eq!(paces.admit(client(number), now), Ok(()));
        }
        assert_eq!(paces.clients().used_until.len(), 100);
        assert!(paces.admit(client(0), now).is_err(), "the first is still known");
        // Once they have used up nothing any more, there is room for others.
        let later = now + Duration::from_secs(11);
        assert_eq!(paces.admit(client(5_000), later), Ok(()));
        assert_eq!(paces.clients().used_until.len(), 1);
        assert!(paces.admit(client(5_000), later).is_err());
    }

    proptest! {
        /// In no window are more admitted than the burst and one for each interval in it.
        #[test]
        fn no_window_has_more_than_its_share(
            burst in 1_u32..6,
            gaps in prop::collection::vec(0_u64..300, 1..80),
        ) {
            let interval = Duration::from_millis(100);
            let pace = Pace::new(rate(1, interval, burst));
            let (mut now, mut admitted) = (Duration::from_secs(5), Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                if pace.admit(now).is_ok() {
                    admitted.push(now);
                }
            }
            for (from, start) in admitted.iter().enumerate() {
                for (to, end) in admitted.iter().enumerate().skip(from) {
                    let share = u128::from(burst) + (*end - *start).as_millis() / 100;
                    prop_assert!((to - from + 1) as u128 <= share);
                }
            }
        }
    }
}
