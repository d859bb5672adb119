//! How many may listen: in all, and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::{MAX_LISTENERS, MAX_PER_ADDRESS};

/// Why nobody more may listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// All places are taken.
    All,
    /// All of this address.
    Address,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<Option<IpAddr>, usize>,
}

/// The places. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<Taken>>);

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    address: Option<IpAddr>,
}

impl Seats {
    pub(super) fn take(&self, address: Option<IpAddr>) -> Result<Seat, Full> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= MAX_LISTENERS {
            return Err(Full::All);
        }
        let of = taken.of.entry(address).or_default();
        if *of >= MAX_PER_ADDRESS {
            return Err(Full::Address);
        }
        *of += 1;
        taken.all += 1;
        Ok(Seat {
            seats: self.clone(),
            address,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let left = taken.of.get_mut(&self.address).map(|of| {
            *of = of.saturating_sub(1);
            *of
        });
        if left == Some(0) {
            taken.of.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let seats = Seats::default();
        let one = Some(IpAddr::from([192, 0, 2, 1]));
        let taken: Vec<_> = (0..MAX_PER_ADDRESS)
            .map(|_| seats.take(one).unwrap())
            .collect();
        assert_eq!(seats.take(one).unwrap_err(), Full::Address);
        assert!(seats.take(None).is_ok());
        drop(taken);
        assert!(seats.take(one).is_ok());
        assert!(seats.0.lock().unwrap().of.is_empty());
        let mut all = Vec::new();
        for n in 0..MAX_LISTENERS {
            let address = IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
            all.push(seats.take(Some(address)).unwrap());
        }
        assert_eq!(seats.take(one).unwrap_err(), Full::All);
    }
}
