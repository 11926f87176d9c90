//! Where somebody is, for whatever is counted by address. Knows nothing of what is counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An IPv4 address, or the /64 that an IPv6 host chooses its addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place(IpAddr);

/// How many there are of each place. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<Place, usize>>>);

/// One of them; no longer there when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    crowd: Crowd,
    place: Place,
}

impl Crowd {
    /// One more; `None` if there are `most` already.
    pub(crate) fn join(&self, place: Place, most: usize) -> Option<Share> {
        let mut counts = self.counts();
        let count = counts.entry(place).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share { crowd: self.clone(), place })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Place, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        if let Some(count) = counts.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.place);
            }
        }
    }
}

impl Place {
    /// A socket for both shows IPv4 as `::ffff:a.b.c.d`; that is the IPv4 address.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = address.to_bits() >> 64 << 64;
                Self(Ipv6Addr::from_bits(prefix).into())
            }
            address => Self(address),
        }
    }

    /// Its address; the first one of an IPv6 network.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_a_host_whatever_it_calls_itself() {
        let place = |text: &str| Place::of(text.parse().unwrap());
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:1"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
        assert_ne!(place("::ffff:192.0.2.1"), place("::ffff:192.0.2.2"));
    }

    #[test]
    fn so_many_of_one_host_and_others_besides() {
        let crowd = Crowd::default();
        let join = |text: &str| crowd.join(Place::of(text.parse().unwrap()), 2);
        let mut there = vec![join("2001:db8::1").unwrap(), join("2001:db8::2").unwrap()];
        assert!(join("2001:db8::3").is_none(), "the same /64");
        assert!(join("2001:db8:0:1::1").is_some());
        there.pop();
        assert!(join("2001:db8::3").is_some());
        drop(there);
        assert!(crowd.counts().is_empty());
    }
}
