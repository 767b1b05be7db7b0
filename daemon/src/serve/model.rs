//! The protocol between daemons, database and agents as a small model, searched exhaustively: two daemons on one
//! database, three agents, one of which lies, a thief with a stolen ticket, one restore, one jump of a clock, and
//! messages that are lost and repeated.
//!
//! What is decided is decided by the product's own functions: [`Point`], [`Lease::acquired`], [`may_write`],
//! [`next_number`], [`number_floor`], [`pause_before`], [`may_join`], [`is_history_lost`]. Only storage and messages
//! are the model's. Each guard can be switched off, and then the search must find what it guards against.
//!
//! `BOUNDS=large` searches further than a run of the tests has time for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ringfence_api::incarnation::{Heard, Incarnation, Point, is_history_lost};
use ringfence_saga::Epoch;
use ringfence_store::crl::CrlHead;
use ringfence_store::lease::Lease;
use ringfence_store::ticket::TicketRow;
use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::authority::{next_number, pause_before};
use crate::base::{believes, may_write};
use crate::incarnation::number_floor;
use crate::node::may_join;

/// The guards, which a search can do without to show that it would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// A write of a leader checks the epoch of the lease.
    Epoch,
    /// An agent is told when it is not where the database is, and not only when it is behind.
    Outdated,
    /// CRL numbers go on above what the lost history may have used.
    Numbers,
    /// What the lists of the lost history revoke stays revoked.
    Lists,
    /// A restore ends tickets.
    Tickets,
    /// The first key that is shown with a ticket owns it.
    Owner,
    /// A single node proves nothing.
    Majority,
}

const GUARDS: [(Guard, Focus, &str); 7] = [
    (Guard::Epoch, Focus::Lead, "only the last leader writes as one"),
    (Guard::Outdated, Focus::Agents, "every agent hears of the newest declaration"),
    (Guard::Numbers, Focus::Agents, "a CRL number never falls"),
    (Guard::Lists, Focus::Agents, "who has heard of a revocation refuses what was revoked"),
    (Guard::Tickets, Focus::Tickets, "a ticket is used by one key"),
    (Guard::Owner, Focus::Tickets, "a ticket is used by one key"),
    (Guard::Majority, Focus::Agents, "a single node begins no other history"),
];

const AGENTS: usize = 3;
/// The agent that says what it likes.
const LIAR: usize = 0;
/// How long a lease lasts, in seconds.
const TERM: i64 = 2;

/// How far the search goes.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    seconds: i64,
    declarations: u8,
    lists: i64,
    /// How many agents ask, and how many of them get their answers late, or never.
    asking: usize,
    late: usize,
    epochs: i64,
}

/// What a search is about. The three share nothing but the clock and the restore, which is a part of each; all of them
/// together would have a thousand times as many states, and no others in which they meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Lead,
    Tickets,
    Agents,
}

struct Protocol {
    bounds: Bounds,
    focus: Focus,
    without: Option<Guard>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stored {
    point: Point,
    declared: u8,
    /// Whether the one identity is revoked, and whether a list says so.
    revoked: bool,
    listed: bool,
    list: CrlNumbers,
    lease: Option<Lease>,
    ticket: Ticket,
    beyond: [bool; AGENTS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ticket {
    Granted,
    OwnedBy(char),
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CrlNumbers {
    number: i64,
    floor: i64,
    signed_at: i64,
}

/// What an answer of the daemon tells an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Told {
    point: Point,
    declared: u8,
    listed: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Agent {
    known: Option<Told>,
    /// An answer that is on its way.
    answer: Option<Told>,
    /// Whether it has ever heard of the revocation.
    has_heard: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Daemon {
    /// How much its clock is ahead.
    ahead: i64,
    held: Option<(i64, i64)>,
}

#[expect(clippy::struct_excessive_bools, reason = "each says whether something has happened")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    second: i64,
    stored: Stored,
    backup: Option<Box<Stored>>,
    restored: bool,
    jumped: bool,
    daemons: [Daemon; 2],
    agents: [Agent; AGENTS],
    reports: BTreeSet<(usize, Point)>,
    /// What has happened, which nobody in the model can see.
    greatest_list: i64,
    fell: bool,
    keys: BTreeSet<char>,
    stale_write: bool,
    forced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Tick,
    Jump(usize, i64),
    Lead(usize),
    Launch(usize),
    Declare,
    Revoke,
    Publish(usize),
    Join(char),
    Ask(usize),
    Hear(usize),
    LoseAnswer(usize),
    Report(usize),
    Lie,
    Deliver(usize, Point),
    LoseReport(usize, Point),
    Backup,
    Restore,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn point(number: i64, generation: i64) -> Point {
    Point { incarnation: Incarnation { number, id: number.to_string() }, generation }
}

impl CrlNumbers {
    fn head(&self) -> CrlHead {
        CrlHead {
            issuer: String::new(),
            shard: 0,
            url: String::new(),
            number: self.number,
            this_update: at(self.signed_at),
            next_update: at(self.signed_at),
            base_number: self.number,
            signed_at: at(self.signed_at),
            number_floor: self.floor,
        }
    }
}

impl Stored {
    fn told(&self) -> Told {
        Told { point: self.point.clone(), declared: self.declared, listed: self.listed }
    }

    fn ticket(&self) -> Option<TicketRow> {
        let owner_key = match self.ticket {
            Ticket::Granted => None,
            Ticket::OwnedBy(key) => Some(key.to_string()),
            Ticket::Ended => return None,
        };
        Some(TicketRow { hash: String::new(), expires_at: at(1_000), owner_key })
    }

    /// Another history begins, after what was heard.
    fn begin(&mut self, heard: &[Point]) {
        let next = Point::following(heard.iter().chain([&self.point]), String::new());
        self.point = point(next.incarnation.number, next.generation);
        self.beyond = [false; AGENTS];
        self.listed = self.listed && self.revoked;
    }
}

impl Protocol {
    fn has(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }

    fn now(state: &State, daemon: usize) -> Timestamp {
        at(state.second + state.daemons[daemon].ahead)
    }

    fn lead(state: &mut State, daemon: usize) {
        let now = Self::now(state, daemon);
        let until = now + SignedDuration::from_secs(TERM);
        let renewed = state.daemons[daemon].held.zip(state.stored.lease.clone());
        let lease = match renewed {
            Some(((epoch, _), lease)) if lease.epoch == Epoch(epoch) => Some(Lease { expires_at: until, ..lease }),
            _ => Lease::acquired(state.stored.lease.as_ref(), &daemon.to_string(), now, until),
        };
        state.daemons[daemon].held = lease.as_ref().map(|lease| (lease.epoch.0, until.as_second()));
        state.stored.lease = lease.or(state.stored.lease.take());
    }

    fn launch(&self, state: &mut State, daemon: usize) -> bool {
        let Some((epoch, until)) = state.daemons[daemon].held else { return false };
        let present = state.stored.lease.as_ref().map_or(Epoch(0), |lease| lease.epoch);
        let is_allowed = believes(Timestamp::from_second(until).unwrap(), Self::now(state, daemon))
            && (!self.has(Guard::Epoch) || may_write(Epoch(epoch), present));
        state.stale_write |= is_allowed && Epoch(epoch) != present;
        is_allowed
    }

    fn publish(state: &mut State, daemon: usize) -> bool {
        let last = state.stored.list.head();
        let now = Self::now(state, daemon);
        if pause_before(&last, now).is_some() {
            return false;
        }
        let number = next_number(&last);
        state.fell |= number <= state.greatest_list;
        state.greatest_list = state.greatest_list.max(number);
        state.stored.list.number = number;
        state.stored.list.signed_at = now.as_second() - at(0).as_second();
        state.stored.listed = state.stored.revoked;
        state.stored.point.generation += 1;
        true
    }

    fn restore(&self, state: &mut State) -> bool {
        let Some(backup) = state.backup.clone().filter(|_| !state.restored) else { return false };
        // The daemon is stopped first, which ends its connections: answers have arrived by then or never will.
        if state.agents.iter().any(|agent| agent.answer.is_some()) {
            return false;
        }
        state.restored = true;
        let published = state.stored.list.number;
        let now = Self::now(state, 0);
        state.stored = *backup;
        state.stored.lease = None;
        // The agents' files are what a restore finds of the lost history.
        let lists_revoke = state.agents.iter().any(|agent| agent.known.as_ref().is_some_and(|told| told.listed));
        if lists_revoke && self.has(Guard::Lists) {
            state.stored.revoked = true;
        }
        if self.has(Guard::Tickets) {
            state.stored.ticket = Ticket::Ended;
        }
        if self.has(Guard::Numbers) {
            state.stored.list.floor = number_floor(&state.stored.list.head(), published, now);
        }
        state.stored.begin(&[]);
        // Lists are published before anybody is served the new history.
        Self::publish(state, 0);
        true
    }

    fn ask(&self, state: &mut State, agent: usize) -> bool {
        let Agent { known, answer, .. } = &state.agents[agent];
        let database = &state.stored.point;
        let is_outdated = |told: &Told| {
            if self.has(Guard::Outdated) {
                told.point.is_outdated(database)
            } else {
                database.generation > told.point.generation
            }
        };
        if answer.is_some() || !known.as_ref().is_none_or(is_outdated) {
            return false;
        }
        state.agents[agent].answer = Some(state.stored.told());
        agent < self.bounds.late || Self::hear(state, agent)
    }

    fn hear(state: &mut State, agent: usize) -> bool {
        let Some(told) = state.agents[agent].answer.take() else { return false };
        state.agents[agent].has_heard |= told.listed;
        state.agents[agent].known = Some(told);
        true
    }

    fn deliver(&self, state: &mut State, agent: usize, reported: &Point) -> bool {
        if reported.heard(&state.stored.point) != Heard::Beyond {
            return false;
        }
        state.stored.beyond[agent] = true;
        let beyond = state.stored.beyond.iter().filter(|beyond| **beyond).count();
        if is_history_lost(beyond, AGENTS) || !self.has(Guard::Majority) {
            state.forced |= beyond == 1;
            state.stored.begin(std::slice::from_ref(reported));
        }
        true
    }

    fn join(&self, state: &mut State, key: char) -> bool {
        let Some(ticket) = state.stored.ticket() else { return false };
        let ticket = if self.has(Guard::Owner) { ticket } else { TicketRow { owner_key: None, ..ticket } };
        if !may_join(&ticket, &key.to_string(), at(state.second)) {
            return false;
        }
        state.stored.ticket = Ticket::OwnedBy(key);
        state.keys.insert(key)
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let stored = Stored {
            point: point(1, 1),
            declared: 0,
            revoked: false,
            listed: false,
            list: CrlNumbers { number: 1, floor: 0, signed_at: -1 },
            lease: None,
            ticket: Ticket::Granted,
            beyond: [false; AGENTS],
        };
        vec![State {
            second: 0,
            stored,
            backup: None,
            restored: false,
            jumped: false,
            daemons: Default::default(),
            agents: Default::default(),
            reports: BTreeSet::new(),
            greatest_list: 1,
            fell: false,
            keys: BTreeSet::new(),
            stale_write: false,
            forced: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Tick, Action::Backup, Action::Restore, Action::Jump(1, 5), Action::Jump(1, -5)]);
        match self.focus {
            Focus::Lead => {
                for daemon in 0..2 {
                    actions.extend([Action::Lead(daemon), Action::Launch(daemon)]);
                }
            }
            Focus::Tickets => actions.extend([Action::Join('a'), Action::Join('b')]),
            Focus::Agents => {
                actions.extend([Action::Declare, Action::Revoke, Action::Publish(0), Action::Publish(1), Action::Lie]);
                for agent in 0..self.bounds.asking {
                    actions.extend([Action::Ask(agent), Action::Hear(agent), Action::LoseAnswer(agent)]);
                    actions.push(Action::Report(agent));
                }
                for (agent, point) in &state.reports {
                    // A report that is delivered may come again, until it is lost.
                    actions.push(Action::Deliver(*agent, point.clone()));
                    actions.push(Action::LoseReport(*agent, point.clone()));
                }
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let happened = match action {
            Action::Tick => {
                state.second += 1;
                true
            }
            Action::Jump(daemon, by) => {
                state.daemons[daemon].ahead = by;
                !std::mem::replace(&mut state.jumped, true)
            }
            Action::Lead(daemon) => {
                Self::lead(&mut state, daemon);
                true
            }
            Action::Launch(daemon) => self.launch(&mut state, daemon),
            Action::Declare => {
                state.stored.declared += 1;
                state.stored.point.generation += 1;
                true
            }
            Action::Revoke => !std::mem::replace(&mut state.stored.revoked, true),
            Action::Publish(daemon) => Self::publish(&mut state, daemon),
            Action::Join(key) => self.join(&mut state, key),
            Action::Ask(agent) => self.ask(&mut state, agent),
            Action::Hear(agent) => Self::hear(&mut state, agent),
            Action::LoseAnswer(agent) => state.agents[agent].answer.take().is_some(),
            Action::Report(agent) => match &last.agents[agent].known {
                // What is a part of the history, or of one before, is not modelled further.
                Some(told) if told.point.heard(&last.stored.point) == Heard::Beyond => {
                    state.reports.insert((agent, told.point.clone()))
                }
                _ => false,
            },
            Action::Lie => state.reports.insert((LIAR, point(9, 9))),
            Action::Deliver(agent, point) => self.deliver(&mut state, agent, &point),
            Action::LoseReport(agent, point) => state.reports.remove(&(agent, point)),
            Action::Backup => state.backup.replace(Box::new(last.stored.clone())).is_none(),
            Action::Restore => self.restore(&mut state),
        };
        happened.then_some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.second <= self.bounds.seconds
            && state.stored.declared <= self.bounds.declarations
            && state.greatest_list - state.stored.list.floor.max(1) <= self.bounds.lists
            && state.stored.lease.as_ref().is_none_or(|lease| lease.epoch.0 <= self.bounds.epochs)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("only the last leader writes as one", |_, state: &State| !state.stale_write),
            Property::always("a CRL number never falls", |_, state: &State| !state.fell),
            Property::always("a ticket is used by one key", |_, state: &State| state.keys.len() <= 1),
            Property::always("a single node begins no other history", |_, state: &State| !state.forced),
            Property::always("who has heard of a revocation refuses what was revoked", |_, state: &State| {
                let refuses = |agent: &Agent| agent.known.as_ref().is_none_or(|told| told.listed);
                state.agents.iter().all(|agent| !agent.has_heard || refuses(agent))
            }),
            Property::always("every agent hears of the newest declaration", |model: &Self, state: &State| {
                // When messages flow again, each asks and hears once.
                let mut state = state.clone();
                (0..model.bounds.asking).all(|agent| {
                    state.agents[agent].answer = None;
                    model.ask(&mut state, agent);
                    Self::hear(&mut state, agent);
                    state.agents[agent].known.as_ref().is_some_and(|told| told.declared == state.stored.declared)
                })
            }),
            Property::sometimes("there is a restore after what the search is about", |model: &Self, state: &State| {
                state.restored
                    && match model.focus {
                        Focus::Lead => state.daemons.iter().all(|daemon| daemon.held.is_some()),
                        Focus::Tickets => !state.keys.is_empty(),
                        Focus::Agents => state.agents.iter().any(|agent| agent.has_heard),
                    }
            }),
        ]
    }
}

#[allow(clippy::disallowed_methods, reason = "a sweep is told how far to go")]
fn bounds() -> Bounds {
    match std::env::var("BOUNDS").as_deref() {
        Ok("large") => Bounds { seconds: 2, declarations: 2, lists: 2, asking: 3, late: 2, epochs: 4 },
        _ => Bounds { seconds: 1, declarations: 1, lists: 1, asking: 2, late: 1, epochs: 3 },
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[test]
fn the_protocol_holds_in_every_state() {
    for focus in [Focus::Lead, Focus::Tickets, Focus::Agents] {
        let started = std::time::Instant::now();
        let checker =
            Protocol { bounds: bounds(), focus, without: None }.checker().threads(threads()).spawn_bfs().join();
        let (all, unique) = (checker.state_count(), checker.unique_state_count());
        println!("{focus:?}: {all} steps to {unique} states in {:?}", started.elapsed());
        checker.assert_properties();
    }
}

#[test]
fn without_any_of_its_guards_the_protocol_is_broken() {
    for (guard, focus, property) in GUARDS {
        let model = Protocol { bounds: bounds(), focus, without: Some(guard) };
        let found = HasDiscoveries::AnyFailures;
        let checker = model.checker().threads(threads()).finish_when(found).spawn_bfs().join();
        let discoveries = checker.discoveries();
        assert!(discoveries.contains_key(property), "without {guard:?}: {:?}", discoveries.keys());
    }
}
