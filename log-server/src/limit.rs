//! Rates: how much an address may ask and a token may publish, in bounded memory.
//!
//! Each key has a theoretical arrival time (the generic cell rate algorithm): one number that runs
//! ahead of the clock by what was spent. Whoever is not ahead by more than the burst may go on, and
//! then pays the whole cost, so that one large request is never impossible, and the average holds.
//! Memory is bounded by forgetting: keys live in two generations, and the older one is dropped when
//! the younger one is full. A crowd of addresses makes the limit lax for a while, never the server
//! large. Out of scope: whose address it is (see `http::address`).

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Keys of one generation; there are two.
const GENERATION: usize = 32_768;

/// How much a second, and how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    per_s: u32,
    burst: u32,
}

impl Rate {
    /// `None` for a rate of zero, which is no limit.
    pub(crate) fn new(per_s: u32, burst: u32) -> Option<Self> {
        (per_s > 0).then_some(Self {
            per_s,
            burst: burst.max(1),
        })
    }

    /// The time in which `units` are earned.
    fn time_of(self, units: u32) -> Duration {
        Duration::from_secs(u64::from(units)) / self.per_s
    }
}

/// What each key has spent.
pub(crate) struct Buckets<K> {
    start: Instant,
    capacity: usize,
    spent: Mutex<Generations<K>>,
}

struct Generations<K> {
    young: HashMap<K, Duration, RandomState>,
    old: HashMap<K, Duration, RandomState>,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(crate) fn new() -> Self {
        Self::with_capacity(GENERATION)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            start: Instant::now(),
            capacity,
            spent: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }

    /// Spends `cost` if the key has not spent its burst; or says when it may come again.
    pub(crate) fn spend(
        &self,
        key: K,
        cost: u32,
        rate: Rate,
        now: Instant,
    ) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.start);
        let mut spent = self.lock();
        let ahead_until = spent.of(&key).max(now);
        // The last unit of the burst may still be spent.
        let allowed = now + rate.time_of(rate.burst - 1);
        let wait = ahead_until.saturating_sub(allowed);
        if !wait.is_zero() {
            spent.set(key, ahead_until, self.capacity);
            return Err(wait);
        }
        spent.set(key, ahead_until + rate.time_of(cost), self.capacity);
        Ok(())
    }

    /// No code between lock and unlock can panic.
    fn lock(&self) -> MutexGuard<'_, Generations<K>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Generations<K> {
    fn of(&self, key: &K) -> Duration {
        let found = self.young.get(key).or_else(|| self.old.get(key));
        found.copied().unwrap_or_default()
    }

    fn set(&mut self, key: K, until: Duration, capacity: usize) {
        if self.young.len() >= capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, until);
    }
}

/// Whose limit an address counts against: itself, or its /64, since that is the least that one
/// subscriber has. `None` for the host's own addresses.
pub(crate) fn subscriber(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(IpAddr::V4(address)),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(buckets: &Buckets<u32>, ms: u64) -> Instant {
        buckets.start + Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let buckets = Buckets::new();
        let rate = Rate::new(10, 3).unwrap();
        let spend = |ms| buckets.spend(1, 1, rate, after(&buckets, ms));
        assert_eq!([spend(0), spend(0), spend(0)], [Ok(()); 3]);
        assert_eq!(spend(0), Err(Duration::from_millis(100)));
        assert_eq!(spend(60), Err(Duration::from_millis(40)));
        assert_eq!(spend(100), Ok(()));
        assert_eq!(spend(150), Err(Duration::from_millis(50)));
        // Another key has its own.
        assert_eq!(buckets.spend(2, 1, rate, after(&buckets, 150)), Ok(()));
        // Idle for long: the burst again, and no more than it.
        assert_eq!([spend(10_000), spend(10_000), spend(10_000)], [Ok(()); 3]);
        assert!(spend(10_000).is_err());
    }

    #[test]
    fn a_request_above_the_burst_is_allowed_and_paid_for() {
        let buckets = Buckets::new();
        let rate = Rate::new(10, 5).unwrap();
        assert_eq!(buckets.spend(1, 100, rate, after(&buckets, 0)), Ok(()));
        let wait = buckets
            .spend(1, 1, rate, after(&buckets, 0))
            .unwrap_err()
            .as_millis();
        assert_eq!(wait, 9_600);
        assert_eq!(buckets.spend(1, 1, rate, after(&buckets, 9_600)), Ok(()));
    }

    #[test]
    fn many_keys_take_bounded_memory() {
        let buckets = Buckets::with_capacity(100);
        let rate = Rate::new(1, 1).unwrap();
        for key in 0..10_000 {
            assert_eq!(buckets.spend(key, 1, rate, after(&buckets, 0)), Ok(()));
            let spent = buckets.lock();
            assert!(spent.young.len() <= 100 && spent.old.len() <= 100);
        }
        // Those of late are remembered.
        assert!(buckets.spend(9_999, 1, rate, after(&buckets, 0)).is_err());
        assert!(buckets.spend(9_900, 1, rate, after(&buckets, 0)).is_err());
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(Rate::new(0, 10), None);
    }

    #[test]
    fn an_ipv6_subscriber_is_a_64_and_the_host_itself_is_nobody() {
        let subscriber = |text: &str| super::subscriber(text.parse().unwrap());
        let of = |text: &str| Some(text.parse().unwrap());
        assert_eq!(subscriber("192.0.2.7"), of("192.0.2.7"));
        assert_eq!(subscriber("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_eq!(subscriber("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
        assert_eq!(subscriber("127.0.0.1"), None);
        assert_eq!(subscriber("::1"), None);
        assert_eq!(subscriber("::ffff:127.0.0.1"), None);
    }
}
