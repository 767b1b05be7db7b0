//! The books of open connections: who has a slot, and who loses it when there is no room.
//!
//! - *Strangers* have shown no credential of this cluster, or are in their handshake. They are few, and few from one
//!   address, so that whoever has no credential cannot keep others out.
//! - The others are *known*: TLS has verified a client certificate of this cluster, or a request on the connection was
//!   the operator's. They have the rest, however many strangers come.
//! - Where there is no room, the connection that has been idle longest is closed, and none with a request in flight.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::access::Connection;

/// The maximum number of connections.
const CONNECTIONS: usize = 8_192;
/// The maximum number of strangers among them.
const STRANGERS: usize = 256;
/// The maximum number of strangers from one address.
const STRANGERS_PER_ADDRESS: usize = 128;
/// How long a stranger may be without a request.
const STRANGER_IDLE: Duration = Duration::from_secs(30);
/// The same for a known peer.
const KNOWN_IDLE: Duration = Duration::from_mins(5);

/// The slots of all connections.
#[derive(Debug)]
pub(crate) struct Slots {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    strangers: usize,
    per_address: usize,
    known: usize,
}

/// The open connections, by their numbers in the order of arrival.
#[derive(Debug, Default)]
struct Open {
    arrived: u64,
    strangers: BTreeMap<u64, Seat>,
    known: BTreeMap<u64, Seat>,
}

#[derive(Debug)]
struct Seat {
    origin: IpAddr,
    requests: usize,
    /// When it was opened, or its last request ended.
    idle_since: Instant,
    close: CancellationToken,
}

/// The slot of one connection. Dropping it frees the slot.
pub(crate) struct Slot {
    id: u64,
    slots: Arc<Slots>,
    close: CancellationToken,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Limits {
    /// Shares so many connections out.
    fn of(connections: usize) -> Self {
        let connections = connections.min(CONNECTIONS);
        // If there are few, half of them are for known peers.
        let strangers = STRANGERS.min(connections / 2);
        Self {
            strangers,
            per_address: STRANGERS_PER_ADDRESS.min(strangers.div_ceil(2)),
            known: connections - strangers,
        }
    }
}

impl Slots {
    /// Slots for at most so many connections.
    pub(crate) fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self { limits: Limits::of(connections), open: Mutex::default() })
    }

    /// A slot for a stranger. `None`: all strangers that could make room are at work.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Slot> {
        let origin = origin(address);
        let mut open = self.open();
        if open.strangers.values().filter(|seat| seat.origin == origin).count() >= self.limits.per_address {
            close_longest_idle(&mut open.strangers, |seat| seat.origin == origin)?;
        }
        if open.strangers.len() >= self.limits.strangers {
            close_longest_idle(&mut open.strangers, |_| true)?;
        }
        open.arrived += 1;
        let (id, close) = (open.arrived, CancellationToken::new());
        open.strangers.insert(id, Seat { origin, requests: 0, idle_since: now, close: close.clone() });
        drop(open);
        Some(Slot { id, slots: self.clone(), close })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn seat(&mut self, id: u64) -> Option<&mut Seat> {
        self.strangers.get_mut(&id).or_else(|| self.known.get_mut(&id))
    }
}

impl Slot {
    /// Cancelled when the connection has lost its slot to another.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.close
    }

    /// A request begins.
    pub(crate) fn request_began(&self) {
        if let Some(seat) = self.slots.open().seat(self.id) {
            seat.requests += 1;
        }
    }

    /// A request that began has been answered, or was given up.
    pub(crate) fn request_ended(&self, now: Instant) {
        if let Some(seat) = self.slots.open().seat(self.id) {
            seat.requests = seat.requests.saturating_sub(1);
            seat.idle_since = now;
        }
    }

    /// When the connection has been idle for too long, unless a request begins. `None` while one is in flight.
    pub(crate) fn idle_until(&self) -> Option<Instant> {
        let open = self.slots.open();
        let known = open.known.get(&self.id).map(|seat| (seat, KNOWN_IDLE));
        let (seat, limit) = known.or_else(|| open.strangers.get(&self.id).map(|seat| (seat, STRANGER_IDLE)))?;
        (seat.requests == 0).then(|| seat.idle_since + limit)
    }
}

impl Connection for Slot {
    /// If all known peers are at work, it stays a stranger until one of its later requests finds room.
    fn became_known(&self) {
        let mut open = self.slots.open();
        if !open.strangers.contains_key(&self.id) {
            return;
        }
        let is_full = open.known.len() >= self.slots.limits.known;
        if is_full && close_longest_idle(&mut open.known, |_| true).is_none() {
            return;
        }
        if let Some(seat) = open.strangers.remove(&self.id) {
            open.known.insert(self.id, seat);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open();
        open.strangers.remove(&self.id);
        open.known.remove(&self.id);
    }
}

/// Takes the slot of whichever of these connections has been idle longest. `None`: none is idle.
fn close_longest_idle(seats: &mut BTreeMap<u64, Seat>, of: impl Fn(&Seat) -> bool) -> Option<()> {
    let idle = seats.iter().filter(|(_, seat)| seat.requests == 0 && of(seat));
    let (&id, _) = idle.min_by_key(|(_, seat)| seat.idle_since)?;
    seats.remove(&id)?.close.cancel();
    Some(())
}

/// What counts as one address: of IPv6, the network of 64 bits that one host is given.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// So many strangers from this address, one a second.
    fn strangers(slots: &Arc<Slots>, from: IpAddr, count: u64, start: Instant) -> Vec<Slot> {
        (0..count).map(|second| slots.enter(from, start + Duration::from_secs(second)).unwrap()).collect()
    }

    fn lost(slots: &[Slot]) -> Vec<bool> {
        slots.iter().map(|slot| slot.lost().is_cancelled()).collect()
    }

    #[test]
    fn known_peers_have_what_strangers_leave_and_at_least_half() {
        let shares = |connections| {
            let Limits { strangers, per_address, known } = Limits::of(connections);
            (strangers, per_address, known)
        };
        assert_eq!(shares(100_000), (256, 128, 7_936));
        assert_eq!(shares(960), (256, 128, 704));
        assert_eq!(shares(32), (16, 8, 16));
    }

    #[test]
    fn a_stranger_takes_the_slot_of_the_longest_idle_one_of_its_address() {
        let (slots, start) = (Slots::new(16), Instant::now());
        let others = strangers(&slots, address(2), 1, start);
        // The share of one address: four.
        let ours = strangers(&slots, address(1), 4, start + Duration::from_secs(10));
        ours[0].request_began();
        ours[0].request_ended(start + Duration::from_secs(20));
        let _fifth = slots.enter(address(1), start + Duration::from_secs(30)).unwrap();
        assert_eq!(lost(&ours), [false, true, false, false], "the first one has had a request since");
        assert_eq!(lost(&others), [false]);
    }

    #[test]
    fn strangers_of_all_addresses_together_are_limited_too() {
        let (slots, start) = (Slots::new(16), Instant::now());
        let first = strangers(&slots, address(1), 4, start);
        let second = strangers(&slots, address(2), 4, start + Duration::from_secs(10));
        let _third = slots.enter(address(3), start + Duration::from_secs(20)).unwrap();
        assert_eq!((lost(&first), lost(&second)), (vec![true, false, false, false], vec![false; 4]));
    }

    #[test]
    fn a_stranger_finds_no_room_among_those_at_work() {
        let (slots, start) = (Slots::new(16), Instant::now());
        let mut working = strangers(&slots, address(1), 4, start);
        working.iter().for_each(Slot::request_began);
        assert!(slots.enter(address(1), start).is_none());
        assert!(slots.enter(address(2), start).is_some());
        drop(working.pop());
        assert!(slots.enter(address(1), start).is_some(), "a slot was freed");
        assert_eq!(lost(&working), [false; 3]);
    }

    #[test]
    fn strangers_take_no_slot_from_known_peers() {
        let (slots, start) = (Slots::new(16), Instant::now());
        let known = strangers(&slots, address(1), 4, start);
        known.iter().for_each(Connection::became_known);
        let _strangers = strangers(&slots, address(1), 100, start);
        assert_eq!(lost(&known), [false; 4]);
    }

    #[test]
    fn among_known_peers_the_longest_idle_one_makes_room() {
        let (slots, start) = (Slots::new(8), Instant::now());
        let mut known = Vec::new();
        for second in 0..4 {
            known.push(slots.enter(address(1), start + Duration::from_secs(second)).unwrap());
            known[usize::try_from(second).unwrap()].became_known();
        }
        known[0].request_began();
        let fifth = slots.enter(address(1), start + Duration::from_secs(10)).unwrap();
        fifth.became_known();
        assert_eq!(lost(&known), [false, true, false, false]);
        assert_eq!(fifth.idle_until(), Some(start + Duration::from_secs(10) + KNOWN_IDLE));
        // With all at work, another one stays a stranger until there is room.
        known.iter().chain([&fifth]).for_each(Slot::request_began);
        let sixth = slots.enter(address(1), start).unwrap();
        sixth.became_known();
        assert_eq!(sixth.idle_until(), Some(start + STRANGER_IDLE));
        drop(fifth);
        sixth.became_known();
        assert_eq!(sixth.idle_until(), Some(start + KNOWN_IDLE));
    }

    #[test]
    fn a_connection_is_idle_from_its_last_request_on() {
        let (slots, start) = (Slots::new(16), Instant::now());
        let slot = slots.enter(address(1), start).unwrap();
        assert_eq!(slot.idle_until(), Some(start + STRANGER_IDLE));
        slot.request_began();
        slot.request_began();
        slot.request_ended(start + Duration::from_secs(1));
        assert_eq!(slot.idle_until(), None, "one is in flight");
        slot.request_ended(start + Duration::from_secs(2));
        assert_eq!(slot.idle_until(), Some(start + Duration::from_secs(2) + STRANGER_IDLE));
    }

    #[test]
    fn a_host_cannot_multiply_by_its_addresses_of_ipv6() {
        let of = |text: &str| origin(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
