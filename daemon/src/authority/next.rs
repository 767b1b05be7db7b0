//! What comes next in the life of the authorities: prepared, active, retired, gone. Pure.
//!
//! One step at a time; whoever takes it asks again until there is none. A root comes before its intermediates: while a new
//! root is on its way no intermediate is made, and once it is active every intermediate of the old one is due.
//!
//! Guarantees, held by a table and by a simulation of years: an authority signs for nodes only after they have taken
//! what makes it known to them (or after a day in which they have not); an active authority that is due has a successor;
//! nothing is gone while something that it signed may still be shown.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::{AuthorityDomain, AuthorityState};
use ringfence_store::issuer::IssuerRow;

/// How long nodes may take to get to know a successor before it takes over without them.
const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// The same when a key may be in other hands.
const EMERGENCY_GRACE: SignedDuration = SignedDuration::from_mins(1);
/// How long nodes may go on showing what a distrusted authority signed, before it is revoked under them.
const EVICTION: SignedDuration = SignedDuration::from_mins(10);
/// How long a service may take to act on what it was told: nginx, for one, answers a reload before its workers have begun
/// to use it. A successor that every node knows waits for this long before it signs.
const SETTLING: SignedDuration = SignedDuration::from_secs(5);
/// How long a distrusted authority stays after its successor took over, so that the API's own certificate is replaced.
const REPLACING: SignedDuration = SignedDuration::from_secs(10);

/// An authority, and what the database says of it besides.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) row: IssuerRow,
    /// Whether every node has taken what makes it known.
    pub(crate) taken: bool,
    /// Whether agents or the daemon hold good certificates of it.
    pub(crate) in_use: bool,
    /// Whether its key is not here, so that what it signs is imported.
    pub(crate) is_offline: bool,
    /// When the last certificate that it signed ends.
    pub(crate) last_end: Option<Timestamp>,
}

/// A change of the authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a successor and let everybody know it.
    Prepare(AuthorityDomain),
    /// Note that every node knows the prepared one.
    NoteKnown(String),
    /// The prepared one signs from now on, and the active one no more.
    Activate { id: String, domain: AuthorityDomain },
    /// Revoke a distrusted intermediate, of which nobody holds anything any more.
    Revoke(String),
    /// Erase what nothing lives of.
    Erase(String),
}

/// The next step, if anything is due.
pub(crate) fn next(all: &[Known], now: Timestamp) -> Option<Step> {
    AuthorityDomain::ALL.into_iter().find_map(|domain| of_domain(all, domain, now)).or_else(|| retired(all, now))
}

fn of_domain(all: &[Known], domain: AuthorityDomain, now: Timestamp) -> Option<Step> {
    let active = find(all, domain, AuthorityState::Active)?;
    let root = find(all, AuthorityDomain::Root, AuthorityState::Active)?;
    let prepared = find(all, domain, AuthorityState::Prepared);
    // Made under a root that has been succeeded meanwhile, or seen by others before it signed anything.
    let is_stale = |prepared: &&Known| {
        let view = &prepared.row.view;
        view.distrusted_at.is_some() || (domain != AuthorityDomain::Root && view.parent != root.row.view.id)
    };
    if let Some(stale) = prepared.filter(is_stale) {
        return Some(Step::Erase(stale.row.view.id.clone()));
    }
    if !is_due(active, root, now) {
        return None;
    }
    let root_is_coming = is_due(root, root, now);
    match prepared {
        // A successor is imported, or will be.
        None if root.is_offline => None,
        None if domain != AuthorityDomain::Root && root_is_coming => None,
        None => Some(Step::Prepare(domain)),
        Some(prepared) => {
            let view = &prepared.row.view;
            let settled = prepared.row.known_at.is_some_and(|at| now >= at + SETTLING);
            let grace = if active.row.view.distrusted_at.is_some() { EMERGENCY_GRACE } else { GRACE };
            if settled || now >= view.created_at + grace {
                Some(Step::Activate { id: view.id.clone(), domain })
            } else if prepared.taken && prepared.row.known_at.is_none() {
                Some(Step::NoteKnown(view.id.clone()))
            } else {
                None
            }
        }
    }
}

/// Whether an active authority is to have a successor: because somebody asked, because it is old, because its root has
/// been succeeded.
fn is_due(active: &Known, root: &Known, now: Timestamp) -> bool {
    let view = &active.row.view;
    let life = view.not_after.duration_since(active.row.not_before);
    let is_root = view.domain == AuthorityDomain::Root;
    let until = if is_root { life / 2 } else { life * 2 / 3 };
    view.rotation_requested_at.is_some()
        || view.distrusted_at.is_some()
        || (!is_root && view.parent != root.row.view.id)
        || now >= active.row.not_before + until
}

fn retired(all: &[Known], now: Timestamp) -> Option<Step> {
    all.iter().filter(|known| known.row.view.state == AuthorityState::Retired).find_map(|known| {
        let view = &known.row.view;
        let id = || view.id.clone();
        if view.domain == AuthorityDomain::Root {
            let has_children = all.iter().any(|child| {
                child.row.view.parent == view.id
                    && child.row.view.id != view.id
                    && child.row.view.state != AuthorityState::Gone
            });
            return (!has_children).then(|| Step::Erase(id()));
        }
        if let Some(distrusted) = view.distrusted_at {
            let since = view.retired_at.map_or(distrusted, |retired| retired.max(distrusted));
            let pause = if known.in_use { EVICTION } else { REPLACING };
            if now >= since + pause {
                return Some(Step::Revoke(id()));
            }
        }
        known.last_end.is_none_or(|end| end < now).then(|| Step::Erase(id()))
    })
}

fn find(all: &[Known], domain: AuthorityDomain, state: AuthorityState) -> Option<&Known> {
    all.iter().find(|known| known.row.view.domain == domain && known.row.view.state == state)
}

#[cfg(test)]
mod tests {
    use ringfence_api::authority::Authority;

    use super::*;

    const YEAR: i64 = 365;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn known(id: &str, state: AuthorityState, parent: &str, begins: i64, life: i64) -> Known {
        let domain = AuthorityDomain::from_word(id.rsplit_once('-').unwrap().0).unwrap();
        let view = Authority {
            id: id.to_owned(),
            domain,
            parent: parent.to_owned(),
            state,
            not_after: day(begins + life),
            created_at: day(begins),
            activated_at: None,
            retired_at: (state == AuthorityState::Retired).then(|| day(begins)),
            rotation_requested_at: None,
            distrusted_at: None,
        };
        let row = IssuerRow {
            view,
            number: 1,
            certificate: Vec::new(),
            sealed_key: Vec::new(),
            cross_certificate: None,
            shards: 1,
            not_before: day(begins),
            prepared_generation: 0,
            known_at: None,
        };
        Known { row, taken: false, in_use: true, is_offline: false, last_end: Some(day(begins + life)) }
    }

    fn root() -> Known {
        known("root-1", AuthorityState::Active, "root-1", 0, 10 * YEAR)
    }

    fn services() -> Known {
        known("services-1", AuthorityState::Active, "root-1", 0, 5 * YEAR)
    }

    fn projects() -> Known {
        known("projects-1", AuthorityState::Active, "root-1", 0, 5 * YEAR)
    }

    fn with(change: impl FnOnce(&mut Known), mut known: Known) -> Known {
        change(&mut known);
        known
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn what_comes_next_is_decided_by_states_times_and_what_nodes_have_taken() {
        let prepare = |domain| Some(Step::Prepare(domain));
        let activate = |id: &str, domain| Some(Step::Activate { id: id.to_owned(), domain });
        let erase = |id: &str| Some(Step::Erase(id.to_owned()));
        let (services_domain, root_domain) = (AuthorityDomain::Services, AuthorityDomain::Root);
        let requested = |known| with(|k| k.row.view.rotation_requested_at = Some(day(0)), known);
        let distrusted = |known| with(|k| k.row.view.distrusted_at = Some(day(0)), known);
        let prepared = |id: &str, parent: &str, at: i64| known(id, AuthorityState::Prepared, parent, at, 5 * YEAR);
        let taken = |known| with(|k| k.taken = true, known);
        let known_since = |at, known| with(|k| k.row.known_at = Some(day(at)), taken(known));
        let unused = |known| with(|k| k.in_use = false, known);
        let retired = |id: &str, parent: &str| known(id, AuthorityState::Retired, parent, 0, 100);
        let base = |more: Vec<Known>| [vec![root(), services(), projects()], more].concat();
        let table: Vec<(&str, Vec<Known>, i64, Option<Step>)> = vec![
            ("all is well", base(vec![]), 3 * YEAR, None),
            ("an intermediate is old", base(vec![]), 5 * YEAR * 2 / 3 + 1, prepare(services_domain)),
            ("somebody asked", vec![root(), requested(services()), projects()], 1, prepare(services_domain)),
            ("a key was seen", vec![root(), distrusted(services()), projects()], 1, prepare(services_domain)),
            (
                "nodes do not know the successor",
                vec![root(), requested(services()), projects(), prepared("services-2", "root-1", 1)],
                1,
                None,
            ),
            (
                "nodes know the successor",
                vec![root(), requested(services()), projects(), taken(prepared("services-2", "root-1", 1))],
                1,
                Some(Step::NoteKnown("services-2".to_owned())),
            ),
            (
                "their services may not yet",
                vec![root(), requested(services()), projects(), known_since(1, prepared("services-2", "root-1", 1))],
                1,
                None,
            ),
            (
                "their services do",
                vec![root(), requested(services()), projects(), known_since(0, prepared("services-2", "root-1", 1))],
                1,
                activate("services-2", services_domain),
            ),
            (
                "a node has not answered for a day",
                vec![root(), requested(services()), projects(), prepared("services-2", "root-1", 1)],
                2,
                activate("services-2", services_domain),
            ),
            ("the root comes first", base(vec![]), 5 * YEAR, prepare(root_domain)),
            (
                "nothing is made under a root that is about to go",
                vec![requested(root()), requested(services()), projects(), prepared("root-2", "root-2", 1)],
                1,
                None,
            ),
            (
                "the new root is active, and the intermediates are due",
                vec![
                    with(|k| k.row.view.state = AuthorityState::Retired, root()),
                    known("root-2", AuthorityState::Active, "root-2", 1, 10 * YEAR),
                    services(),
                    projects(),
                ],
                1,
                prepare(services_domain),
            ),
            (
                "one that was prepared under the old root is of no use",
                vec![
                    with(|k| k.row.view.state = AuthorityState::Retired, root()),
                    known("root-2", AuthorityState::Active, "root-2", 1, 10 * YEAR),
                    services(),
                    projects(),
                    prepared("services-2", "root-1", 0),
                ],
                1,
                erase("services-2"),
            ),
            ("something that it signed lives", base(vec![retired("services-0", "root-1")]), 100, None),
            ("the last thing has ended", base(vec![retired("services-0", "root-1")]), 101, erase("services-0")),
            (
                "distrusted now and in use",
                base(vec![with(|k| k.row.view.distrusted_at = Some(day(50)), retired("services-0", "root-1"))]),
                50,
                None,
            ),
            (
                "distrusted, and nobody holds anything of it",
                base(vec![unused(distrusted(retired("services-0", "root-1")))]),
                50,
                Some(Step::Revoke("services-0".to_owned())),
            ),
            (
                "distrusted, and a node does not let go of it",
                base(vec![with(|k| k.row.view.distrusted_at = Some(day(49)), retired("services-0", "root-1"))]),
                50,
                Some(Step::Revoke("services-0".to_owned())),
            ),
            (
                "a key was seen before it signed anything",
                vec![root(), distrusted(services()), projects(), distrusted(prepared("services-2", "root-1", 1))],
                1,
                erase("services-2"),
            ),
            (
                "a root stays while something of it does",
                base(vec![retired("root-0", "root-0"), retired("services-0", "root-0")]),
                50,
                None,
            ),
            ("a root without anything goes", base(vec![retired("root-0", "root-0")]), 50, erase("root-0")),
        ];
        for (what, all, now, expected) in table {
            assert_eq!(next(&all, day(now)), expected, "{what}");
        }
    }
}
