//! How often one address may register. In memory only: nobody's address is ever on the disk.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Addresses that are remembered at once.
pub const MAX_ADDRESSES: usize = 10_000;
/// The time over which registrations are counted, in seconds.
const WINDOW_S: u64 = 3600;

/// Counts registrations by address, for an hour from the first.
#[derive(Debug)]
pub struct Limits {
    per_address: u32,
    counts: Mutex<BTreeMap<IpAddr, (u64, u32)>>,
}

impl Limits {
    /// So many for each address.
    pub fn new(per_address: u32) -> Self {
        Self {
            per_address,
            counts: Mutex::new(BTreeMap::new()),
        }
    }

    /// Counts one more; gives whether it is within the limit.
    pub fn take(&self, address: IpAddr, now: u64) -> bool {
        // SPEC(WATCH-14)
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |since: u64| now.saturating_sub(since) >= WINDOW_S;
        if counts.len() >= MAX_ADDRESSES {
            counts.retain(|_, (since, _)| !over(*since));
        }
        let address = network(address);
        if counts.len() >= MAX_ADDRESSES && !counts.contains_key(&address) {
            return false;
        }
        let (since, count) = counts.entry(address).or_insert((now, 0));
        if over(*since) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.per_address
    }
}

/// What one party has: an IPv4 address, or the first 56 bits of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(four),
            None => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 72))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_number_for_an_hour() {
        let limits = Limits::new(2);
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert!(limits.take(one, 0) && limits.take(one, 10));
        assert!(!limits.take(one, 20));
        assert!(limits.take(two, 20));
        assert!(!limits.take(one, 3599));
        assert!(limits.take(one, 3600));
    }

    #[test]
    fn a_network_of_ipv6_is_one_party() {
        let limits = Limits::new(1);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(limits.take(address("2001:db8::1"), 0));
        assert!(!limits.take(address("2001:db8:0:ff::9"), 0));
        assert!(limits.take(address("2001:db8:0:100::1"), 0));
        assert!(limits.take(address("::ffff:192.0.2.1"), 0));
        assert!(!limits.take(address("192.0.2.1"), 0));
    }

    #[test]
    fn memory_is_bounded_and_new_ones_wait() {
        let limits = Limits::new(1);
        for n in 0..u32::try_from(MAX_ADDRESSES).unwrap() {
            assert!(limits.take(IpAddr::from(n.to_be_bytes()), 5));
        }
        let other = IpAddr::from([255, 0, 0, 1]);
        assert!(!limits.take(other, 6));
        assert!(
            limits.take(other, 3605),
            "those of an hour ago are forgotten"
        );
    }
}
