use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use serde::Deserialize;

use super::Draining;

/// `[listen.limits]`: what one corner of the network may take of the edge.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSettings {
    /// Connections at one time over all listeners. Each costs a file descriptor and up to 100 kB.
    pub connections: u32,
    /// Connections at one time from one network (an IPv4 /24 or IPv6 /48).
    pub per_network: u32,
    /// New connections a second from one address, once its burst of five times that is spent.
    pub arrivals: NonZeroU32,
    /// TLS handshakes a second from one address: what is beyond them waits. A handshake costs
    /// about half a millisecond of a core, so one address can not take more than a tenth of one.
    pub handshakes: NonZeroU32,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self { connections: 10_000, per_network: 1_000, arrivals: n(400), handshakes: n(200) }
    }
}

/// A network as the limits see it: whoever has one address of it may have them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The IPv4 /24 or IPv6 /48 that `address` lies in.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self(Ipv4Addr::new(a, b, c, 0).into())
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                Self(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into())
            }
        }
    }
}

/// Too many connections from there, or altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

/// Counts and slows what comes in, over all listeners.
pub struct Edge {
    settings: EdgeSettings,
    all: AtomicU32,
    live: DashMap<Network, u32>,
    arrivals: DefaultKeyedRateLimiter<IpAddr>,
    handshakes: DefaultKeyedRateLimiter<IpAddr>,
}

impl Edge {
    /// Nobody is in yet.
    pub fn new(settings: &EdgeSettings) -> Arc<Self> {
        let burst = |rate: NonZeroU32| rate.saturating_mul(n(5));
        Arc::new(Self {
            all: AtomicU32::new(0),
            live: DashMap::new(),
            arrivals: RateLimiter::dashmap(Quota::per_second(settings.arrivals).allow_burst(burst(settings.arrivals))),
            handshakes: RateLimiter::dashmap(Quota::per_second(settings.handshakes)),
            settings: settings.clone(),
        })
    }

    /// A seat for a connection from `peer`.
    ///
    /// # Errors
    /// [`Crowded`] when there is none.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Seat, Crowded> {
        let peer = peer.to_canonical();
        self.arrivals.check_key(&peer).map_err(|_| Crowded)?;
        self.place()?.seat(peer)
    }

    /// A place for a connection of which it is not known yet who is at its other end.
    pub(super) fn place(self: &Arc<Self>) -> Result<Place, Crowded> {
        let taken = self.all.fetch_add(1, Ordering::Relaxed);
        // Dropped again on the way out, which undoes the count.
        let place = Place { edge: self.clone() };
        if taken >= self.settings.connections { Err(Crowded) } else { Ok(place) }
    }

    /// Waits until `peer` may begin a TLS handshake. The caller's handshake deadline bounds it.
    pub async fn handshake(&self, peer: IpAddr) {
        while let Err(not_until) = self.handshakes.check_key(&peer.to_canonical()) {
            tokio::time::sleep(not_until.wait_time_from(self.handshakes.clock().now())).await;
        }
    }

    /// How many connections are open.
    pub fn open(&self) -> u32 {
        self.all.load(Ordering::Relaxed)
    }

    /// Forgets addresses whose limits are full again, every half minute, until the drain begins.
    pub async fn sweep(self: Arc<Self>, mut draining: Draining) {
        loop {
            tokio::select! {
                () = draining.begun() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
            for limiter in [&self.arrivals, &self.handshakes] {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("open", &self.open()).finish_non_exhaustive()
    }
}

/// A connection's place among all, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    edge: Arc<Edge>,
}

impl Place {
    /// It is `peer` who connects, told by somebody who is believed.
    pub(super) fn admit(self, peer: IpAddr) -> Result<Seat, Crowded> {
        let peer = peer.to_canonical();
        self.edge.arrivals.check_key(&peer).map_err(|_| Crowded)?;
        self.seat(peer)
    }

    fn seat(self, peer: IpAddr) -> Result<Seat, Crowded> {
        let network = Network::of(peer);
        let mut live = self.edge.live.entry(network).or_insert(0);
        *live += 1;
        let crowded = *live > self.edge.settings.per_network;
        drop(live);
        // Dropped again on the way out, which undoes the count.
        let seat = Seat { place: self, network };
        if crowded { Err(Crowded) } else { Ok(seat) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.edge.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection's seat, given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    place: Place,
    network: Network,
}

impl Seat {
    /// Where the peer is, as the limits see it.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The edge that gave it.
    pub fn edge(&self) -> &Edge {
        &self.place.edge
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.place.edge.live.remove_if_mut(&self.network, |_, live| {
            *live = live.saturating_sub(1);
            *live == 0
        });
    }
}

fn n(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}

const SWEEP_EVERY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_counted_as_one_and_its_seats_come_back() {
        let edge = Edge::new(&EdgeSettings { per_network: 2, ..EdgeSettings::default() });
        let first = edge.admit("192.0.2.1".parse().unwrap()).unwrap();
        let _second = edge.admit("192.0.2.200".parse().unwrap()).unwrap();
        assert_eq!(edge.admit("192.0.2.3".parse().unwrap()).unwrap_err(), Crowded);
        assert!(edge.admit("198.51.100.1".parse().unwrap()).is_ok());
        drop(first);
        assert!(edge.admit("192.0.2.3".parse().unwrap()).is_ok());
        assert_eq!(edge.open(), 1);
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let edge = Edge::new(&EdgeSettings::default());
        drop(edge.admit("2001:db8::1".parse().unwrap()));
        assert!(edge.live.is_empty());
        assert_eq!(edge.open(), 0);
    }

    #[test]
    fn an_address_can_not_arrive_faster_than_its_rate() {
        let edge = Edge::new(&EdgeSettings { arrivals: n(2), ..EdgeSettings::default() });
        let taken = (0..50).filter(|_| edge.admit("192.0.2.1".parse().unwrap()).is_ok()).count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_the_same_address() {
        assert_eq!(Network::of("::ffff:192.0.2.7".parse().unwrap()), Network::of("192.0.2.9".parse().unwrap()));
    }
}
