//! The next step in the life cycle of the authorities: prepared, active, retired, gone. Pure.
//!
//! It returns one step at a time; the caller takes it and asks again until there is none. A root comes before its
//! intermediates: while a new root is prepared no intermediate is created, and once it is active every intermediate of
//! the old one is due.
//!
//! Guarantees, tested by a table and by a simulation of years: an authority signs for nodes only after they have
//! applied the generation that announces it (or a day after that generation); an active authority that is due gets a
//! successor; an authority is erased only when everything that it signed has expired or is revoked.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::{AuthorityDomain, AuthorityState};
use ringfence_store::issuer::IssuerRow;

/// How long nodes may take to learn of a successor before it takes over without them.
const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// The same when a key is compromised.
const EMERGENCY_GRACE: SignedDuration = SignedDuration::from_mins(1);
/// How long nodes may keep using what a distrusted authority signed before it is revoked.
const EVICTION: SignedDuration = SignedDuration::from_mins(10);
/// How long a service may take to apply new files after a reload: nginx, for example, reports a reload as done before
/// its workers use the files. A successor that every node knows waits this long before it signs.
const SETTLING: SignedDuration = SignedDuration::from_secs(5);
/// How long a distrusted authority remains after its successor took over, so that the API's own certificate is
/// replaced.
const REPLACING: SignedDuration = SignedDuration::from_secs(10);

/// An authority, with the facts that decide about it.
#[derive(Debug, Clone)]
pub(crate) struct AuthorityFacts {
    pub(crate) row: IssuerRow,
    /// Whether every node has applied the generation that announces it.
    pub(crate) applied: bool,
    /// Whether agents or the daemon hold valid certificates of it.
    pub(crate) in_use: bool,
    /// Whether its key is offline, so that what it signs is imported.
    pub(crate) is_offline: bool,
    /// When the last certificate that it signed expires.
    pub(crate) last_expiry: Option<Timestamp>,
}

/// A change to the authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Create a successor and announce it.
    Prepare(AuthorityDomain),
    /// Record that every node knows the prepared authority.
    NoteKnown(String),
    /// Activate the prepared authority and retire the active one.
    Activate { id: String, domain: AuthorityDomain },
    /// Revoke a distrusted intermediate whose certificates are no longer in use.
    Revoke(String),
    /// Erase an authority of which nothing is valid any longer.
    Erase(String),
}

/// The next step, if anything is due.
pub(crate) fn next(all: &[AuthorityFacts], now: Timestamp) -> Option<Step> {
    AuthorityDomain::ALL.into_iter().find_map(|domain| of_domain(all, domain, now)).or_else(|| retired(all, now))
}

fn of_domain(all: &[AuthorityFacts], domain: AuthorityDomain, now: Timestamp) -> Option<Step> {
    let active = find(all, domain, AuthorityState::Active)?;
    let root = find(all, AuthorityDomain::Root, AuthorityState::Active)?;
    let prepared = find(all, domain, AuthorityState::Prepared);
    // Created under a root that has a successor by now, compromised before it signed anything, or ended; or created
    // while the clock was ahead.
    let is_stale = |prepared: &&AuthorityFacts| {
        let view = &prepared.row.view;
        view.distrusted_at.is_some()
            || (domain != AuthorityDomain::Root && view.parent != root.row.view.id)
            || !is_valid(prepared, now)
    };
    if let Some(stale) = prepared.filter(is_stale) {
        return Some(Step::Erase(stale.row.view.id.clone()));
    }
    if !is_due(active, root, now) {
        return None;
    }
    let root_is_coming = is_due(root, root, now);
    match prepared {
        // The operator imports a successor.
        None if root.is_offline => None,
        None if domain != AuthorityDomain::Root && root_is_coming && is_valid(active, now) => None,
        None => Some(Step::Prepare(domain)),
        Some(prepared) => {
            let view = &prepared.row.view;
            let settled = prepared.row.known_at.is_some_and(|at| is_over(at, SETTLING, now));
            let grace = if active.row.view.distrusted_at.is_some() { EMERGENCY_GRACE } else { GRACE };
            // An authority that is not valid protects nobody by waiting.
            if settled || is_over(view.created_at, grace, now) || !is_valid(active, now) {
                Some(Step::Activate { id: view.id.clone(), domain })
            } else if prepared.applied && prepared.row.known_at.is_none() {
                Some(Step::NoteKnown(view.id.clone()))
            } else {
                None
            }
        }
    }
}

/// Whether an active authority needs a successor: because a rotation was requested, because it is old, or because its
/// root has a successor.
fn is_due(active: &AuthorityFacts, root: &AuthorityFacts, now: Timestamp) -> bool {
    let view = &active.row.view;
    let life = view.not_after.duration_since(active.row.not_before);
    let is_root = view.domain == AuthorityDomain::Root;
    let until = if is_root { life / 2 } else { life * 2 / 3 };
    view.rotation_requested_at.is_some()
        || view.distrusted_at.is_some()
        || (!is_root && view.parent != root.row.view.id)
        || now >= active.row.not_before + until
        || !is_valid(active, now)
}

fn is_valid(facts: &AuthorityFacts, now: Timestamp) -> bool {
    facts.row.not_before <= now && now < facts.row.view.not_after
}

/// How much the clock of the daemon that noted something may be ahead of this one's.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Whether this long has passed since a moment. One in the future was noted while the clock was ahead, and nobody can
/// say how long ago that was; waiting for it could take years.
fn is_over(since: Timestamp, pause: SignedDuration, now: Timestamp) -> bool {
    now >= since + pause || now + SKEW < since
}

fn retired(all: &[AuthorityFacts], now: Timestamp) -> Option<Step> {
    all.iter().filter(|facts| facts.row.view.state == AuthorityState::Retired).find_map(|facts| {
        let view = &facts.row.view;
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
            let pause = if facts.in_use { EVICTION } else { REPLACING };
            if is_over(since, pause, now) {
                return Some(Step::Revoke(id()));
            }
        }
        facts.last_expiry.is_none_or(|end| end < now).then(|| Step::Erase(id()))
    })
}

fn find(all: &[AuthorityFacts], domain: AuthorityDomain, state: AuthorityState) -> Option<&AuthorityFacts> {
    all.iter().find(|facts| facts.row.view.domain == domain && facts.row.view.state == state)
}

#[cfg(test)]
mod tests {
    use ringfence_api::authority::Authority;

    use super::*;

    const YEAR: i64 = 365;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn facts(id: &str, state: AuthorityState, parent: &str, begins: i64, life: i64) -> AuthorityFacts {
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
        AuthorityFacts { row, applied: false, in_use: true, is_offline: false, last_expiry: Some(day(begins + life)) }
    }

    fn root() -> AuthorityFacts {
        facts("root-1", AuthorityState::Active, "root-1", 0, 10 * YEAR)
    }

    fn services() -> AuthorityFacts {
        facts("services-1", AuthorityState::Active, "root-1", 0, 5 * YEAR)
    }

    fn projects() -> AuthorityFacts {
        facts("projects-1", AuthorityState::Active, "root-1", 0, 5 * YEAR)
    }

    fn with(change: impl FnOnce(&mut AuthorityFacts), mut facts: AuthorityFacts) -> AuthorityFacts {
        change(&mut facts);
        facts
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn states_times_and_applied_generations_decide_the_next_step() {
        let prepare = |domain| Some(Step::Prepare(domain));
        let activate = |id: &str, domain| Some(Step::Activate { id: id.to_owned(), domain });
        let erase = |id: &str| Some(Step::Erase(id.to_owned()));
        let (services_domain, root_domain) = (AuthorityDomain::Services, AuthorityDomain::Root);
        let requested = |facts| with(|k| k.row.view.rotation_requested_at = Some(day(0)), facts);
        let distrusted = |facts| with(|k| k.row.view.distrusted_at = Some(day(0)), facts);
        let prepared = |id: &str, parent: &str, at: i64| facts(id, AuthorityState::Prepared, parent, at, 5 * YEAR);
        let applied = |facts| with(|k| k.applied = true, facts);
        let known_since = |at, facts| with(|k| k.row.known_at = Some(day(at)), applied(facts));
        let unused = |facts| with(|k| k.in_use = false, facts);
        let retired = |id: &str, parent: &str| facts(id, AuthorityState::Retired, parent, 0, 100);
        let base = |more: Vec<AuthorityFacts>| [vec![root(), services(), projects()], more].concat();
        let table: Vec<(&str, Vec<AuthorityFacts>, i64, Option<Step>)> = vec![
            ("nothing is due", base(vec![]), 3 * YEAR, None),
            ("an intermediate is old", base(vec![]), 5 * YEAR * 2 / 3 + 1, prepare(services_domain)),
            ("a rotation was requested", vec![root(), requested(services()), projects()], 1, prepare(services_domain)),
            ("a key is compromised", vec![root(), distrusted(services()), projects()], 1, prepare(services_domain)),
            (
                "nodes do not know the successor",
                vec![root(), requested(services()), projects(), prepared("services-2", "root-1", 1)],
                1,
                None,
            ),
            (
                "nodes know the successor",
                vec![root(), requested(services()), projects(), applied(prepared("services-2", "root-1", 1))],
                1,
                Some(Step::NoteKnown("services-2".to_owned())),
            ),
            (
                "their services may not use it yet",
                vec![root(), requested(services()), projects(), known_since(1, prepared("services-2", "root-1", 1))],
                1,
                None,
            ),
            (
                "their services use it",
                vec![root(), requested(services()), projects(), known_since(0, prepared("services-2", "root-1", 1))],
                1,
                activate("services-2", services_domain),
            ),
            (
                "a node has not reported for a day",
                vec![root(), requested(services()), projects(), prepared("services-2", "root-1", 1)],
                2,
                activate("services-2", services_domain),
            ),
            ("the root comes first", base(vec![]), 5 * YEAR, prepare(root_domain)),
            (
                "an intermediate ended, and nodes cannot know its successor",
                vec![root(), with(|k| k.row.view.not_after = day(1), services()), projects()],
                2,
                prepare(services_domain),
            ),
            (
                "the successor of an intermediate that ended waits for nobody",
                vec![
                    root(),
                    with(|k| k.row.view.not_after = day(1), services()),
                    projects(),
                    prepared("services-2", "root-1", 2),
                ],
                2,
                activate("services-2", services_domain),
            ),
            (
                "an intermediate begins in the future",
                vec![root(), facts("services-1", AuthorityState::Active, "root-1", 9, 5 * YEAR), projects()],
                2,
                prepare(services_domain),
            ),
            (
                "a successor begins in the future",
                vec![root(), requested(services()), projects(), prepared("services-2", "root-1", 9)],
                2,
                erase("services-2"),
            ),
            (
                "the root begins in the future",
                vec![facts("root-1", AuthorityState::Active, "root-1", 9, 10 * YEAR), services(), projects()],
                2,
                prepare(root_domain),
            ),
            (
                "distrusted while the clock was ahead",
                base(vec![with(|k| k.row.view.distrusted_at = Some(day(90)), retired("services-0", "root-1"))]),
                50,
                Some(Step::Revoke("services-0".to_owned())),
            ),
            (
                "no intermediate is created under a root that has a successor",
                vec![requested(root()), requested(services()), projects(), prepared("root-2", "root-2", 1)],
                1,
                None,
            ),
            (
                "the new root is active, and the intermediates are due",
                vec![
                    with(|k| k.row.view.state = AuthorityState::Retired, root()),
                    facts("root-2", AuthorityState::Active, "root-2", 1, 10 * YEAR),
                    services(),
                    projects(),
                ],
                1,
                prepare(services_domain),
            ),
            (
                "an intermediate that was prepared under the old root is erased",
                vec![
                    with(|k| k.row.view.state = AuthorityState::Retired, root()),
                    facts("root-2", AuthorityState::Active, "root-2", 1, 10 * YEAR),
                    services(),
                    projects(),
                    prepared("services-2", "root-1", 0),
                ],
                1,
                erase("services-2"),
            ),
            ("a certificate that it signed is valid", base(vec![retired("services-0", "root-1")]), 100, None),
            ("the last certificate has expired", base(vec![retired("services-0", "root-1")]), 101, erase("services-0")),
            (
                "distrusted now and in use",
                base(vec![with(|k| k.row.view.distrusted_at = Some(day(50)), retired("services-0", "root-1"))]),
                50,
                None,
            ),
            (
                "distrusted and not in use",
                base(vec![unused(distrusted(retired("services-0", "root-1")))]),
                50,
                Some(Step::Revoke("services-0".to_owned())),
            ),
            (
                "distrusted, and a node does not stop using it",
                base(vec![with(|k| k.row.view.distrusted_at = Some(day(49)), retired("services-0", "root-1"))]),
                50,
                Some(Step::Revoke("services-0".to_owned())),
            ),
            (
                "a key is compromised before it signed anything",
                vec![root(), distrusted(services()), projects(), distrusted(prepared("services-2", "root-1", 1))],
                1,
                erase("services-2"),
            ),
            (
                "a root remains while an intermediate of it does",
                base(vec![retired("root-0", "root-0"), retired("services-0", "root-0")]),
                50,
                None,
            ),
            ("a root without intermediates is erased", base(vec![retired("root-0", "root-0")]), 50, erase("root-0")),
        ];
        for (what, all, now, expected) in table {
            assert_eq!(next(&all, day(now)), expected, "{what}");
        }
    }
}
