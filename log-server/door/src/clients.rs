//! How much of something each client has at once: connections, or requests.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The clients that are inside, and how often: as many as have not left yet, and no more are
/// remembered.
#[derive(Debug)]
pub struct Clients {
    most: usize,
    inside: Mutex<HashMap<IpAddr, usize>>,
}

/// One that came in, counted until this is dropped.
#[derive(Debug)]
pub struct Entered {
    client: IpAddr,
    clients: Arc<Clients>,
}

impl Clients {
    /// At most `most` at once of each; 0 is no bound.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            inside: Mutex::default(),
        }
    }

    /// Counts one more, or `None` if the client has as many as it may.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        let client = client(address);
        let mut inside = self.lock();
        let count = inside.entry(client).or_insert(0);
        if self.most > 0 && *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Entered {
            client,
            clients: Arc::clone(self),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nobody panics while holding it; were one to, numbers are still numbers.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut inside = self.clients.lock();
        if let Some(count) = inside.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                inside.remove(&self.client);
            }
        }
    }
}

/// One IPv4 address, or one IPv6 network of 64 bits, which is what one customer has.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_client_has_its_part_and_gets_it_back() {
        let clients = Arc::new(Clients::new(2));
        let one = address("192.0.2.1");
        let first = clients.enter(one).unwrap();
        let _second = clients.enter(one).unwrap();
        assert!(clients.enter(one).is_none());
        assert!(clients.enter(address("::ffff:192.0.2.1")).is_none());
        let _other = clients.enter(address("192.0.2.2")).unwrap();
        drop(first);
        let again = clients.enter(one).unwrap();
        assert!(clients.enter(one).is_none());
        drop(again);
    }

    #[test]
    fn a_network_is_one_client_and_nobody_is_remembered() {
        let clients = Arc::new(Clients::new(1));
        let entered = clients.enter(address("2001:db8::1:2:3:4")).unwrap();
        assert!(clients.enter(address("2001:db8::9")).is_none());
        assert!(clients.enter(address("2001:db8:0:1::9")).is_some());
        drop(entered);
        assert!(clients.lock().is_empty());
    }

    #[test]
    fn without_a_bound_everybody_comes_in() {
        let clients = Arc::new(Clients::new(0));
        let one = address("192.0.2.1");
        let all: Option<Vec<_>> = (0..10_000).map(|_| clients.enter(one)).collect();
        assert_eq!(all.unwrap().len(), 10_000);
    }
}
