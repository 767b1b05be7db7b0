//! The next step in the life cycle of the keys: prepared, active, retired, gone. Pure.
//!
//! It returns one step at a time; the caller takes it and asks again until there is none. Then one key is prepared and
//! one is active; no active key is past its lifetime if verifiers know its successor; and no retired key remains
//! without a live token.

use jiff::{SignedDuration, Timestamp};
use ringfence_api::token::TokenKeyState;
use ringfence_store::token_key::TokenKeyRow;

/// The durations that decide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How long a key signs.
    pub(crate) key_lifetime: SignedDuration,
    /// How long verifiers may cache published keys.
    pub(crate) max_age: SignedDuration,
}

/// A change to the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Generate a key and publish it.
    Prepare,
    /// Activate one key and retire the active one.
    Rotate {
        /// The prepared key.
        activate: String,
        /// The active key, if there is one.
        retire: Option<String>,
    },
    /// Erase a retired key.
    Erase(String),
}

/// How much the clock of the daemon that prepared a key may be ahead of this one's.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The next step, if anything is due.
pub(crate) fn next(keys: &[TokenKeyRow], now: Timestamp, policy: Policy) -> Option<Step> {
    let Some(prepared) = find(keys, TokenKeyState::Prepared) else { return Some(Step::Prepare) };
    let due = find(keys, TokenKeyState::Active).is_none_or(|active| {
        let is_old = active.view.activated_at.is_none_or(|at| now >= at + policy.key_lifetime);
        // A key from the future was prepared while the clock was ahead.
        let created = prepared.view.created_at;
        is_old && (now >= created + policy.max_age || now + SKEW < created)
    });
    if due {
        return rotation(keys);
    }
    let ended =
        |key: &&TokenKeyRow| key.view.state == TokenKeyState::Retired && key.tokens_end_at.is_none_or(|end| end <= now);
    keys.iter().find(ended).map(|key| Step::Erase(key.view.kid.clone()))
}

/// The rotation that is possible now, whether due or not.
pub(crate) fn rotation(keys: &[TokenKeyRow]) -> Option<Step> {
    let kid = |key: &TokenKeyRow| key.view.kid.clone();
    let activate = find(keys, TokenKeyState::Prepared).map(kid)?;
    Some(Step::Rotate { activate, retire: find(keys, TokenKeyState::Active).map(kid) })
}

fn find(keys: &[TokenKeyRow], state: TokenKeyState) -> Option<&TokenKeyRow> {
    keys.iter().find(|key| key.view.state == state)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringfence_api::token::{Jwk, TokenKey};

    use super::*;

    const POLICY: Policy =
        Policy { key_lifetime: SignedDuration::from_secs(1_000), max_age: SignedDuration::from_secs(300) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A key that has been in its state since this second.
    fn key(kid: &str, state: TokenKeyState, since: i64) -> TokenKeyRow {
        let public_key = Jwk {
            kid: kid.to_owned(),
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: String::new(),
            y: None,
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
        };
        let view = TokenKey {
            kid: kid.to_owned(),
            state,
            created_at: at(if state == TokenKeyState::Prepared { since } else { -9_000 }),
            activated_at: (state == TokenKeyState::Active).then(|| at(since)),
            retired_at: (state == TokenKeyState::Retired).then(|| at(since)),
        };
        TokenKeyRow { view, public_key, sealed_key: Vec::new(), tokens_end_at: None }
    }

    fn prepared(since: i64) -> TokenKeyRow {
        key("p", TokenKeyState::Prepared, since)
    }

    fn active(since: i64) -> TokenKeyRow {
        key("a", TokenKeyState::Active, since)
    }

    fn retired(tokens_end: Option<i64>) -> TokenKeyRow {
        TokenKeyRow { tokens_end_at: tokens_end.map(at), ..key("r", TokenKeyState::Retired, 0) }
    }

    #[test]
    fn states_and_times_decide_the_next_step() {
        let rotate = |retire: Option<&str>| {
            Some(Step::Rotate { activate: "p".to_owned(), retire: retire.map(ToOwned::to_owned) })
        };
        let erase = || Some(Step::Erase("r".to_owned()));
        let table = [
            ("a new cluster", vec![], 0, Some(Step::Prepare)),
            ("the first key has no predecessor", vec![prepared(0)], 0, rotate(None)),
            ("one key is always prepared", vec![active(0)], 0, Some(Step::Prepare)),
            ("nothing is due", vec![prepared(0), active(0)], 999, None),
            ("the active key is old", vec![prepared(0), active(0)], 1_000, rotate(Some("a"))),
            ("verifiers may not know the next key yet", vec![prepared(701), active(0)], 1_000, None),
            ("verifiers just know the next key", vec![prepared(700), active(0)], 1_000, rotate(Some("a"))),
            ("there is no next key", vec![active(0)], 5_000, Some(Step::Prepare)),
            ("a token is live", vec![prepared(0), active(0), retired(Some(501))], 500, None),
            ("the last token has expired", vec![prepared(0), active(0), retired(Some(500))], 500, erase()),
            ("it never signed a token", vec![prepared(0), active(0), retired(None)], 0, erase()),
            ("a clock that went back changes nothing", vec![prepared(0), active(0)], -5_000, None),
        ];
        for (what, keys, now, expected) in table {
            assert_eq!(next(&keys, at(now), POLICY), expected, "{what}");
        }
    }

    #[test]
    fn a_manual_rotation_activates_the_prepared_key_however_new() {
        let expected = Step::Rotate { activate: "p".to_owned(), retire: Some("a".to_owned()) };
        assert_eq!(rotation(&[prepared(0), active(0)]), Some(expected));
        assert_eq!(rotation(&[active(0)]), None);
    }

    /// An event in a simulated cluster.
    #[derive(Debug, Clone)]
    enum Event {
        /// This many seconds pass, and the task runs.
        Time(i64),
        /// A token is signed that lives for this many seconds.
        Token(i64),
        /// The operator rotates.
        ByHand,
        /// Another key lifetime is declared.
        Declared(i64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            6 => (1_i64..400).prop_map(Event::Time),
            2 => (400_i64..40_000).prop_map(Event::Time),
            6 => (1_i64..4_000).prop_map(Event::Token),
            1 => Just(Event::ByHand),
            1 => (15_i64..5_000).prop_map(Event::Declared),
        ]
    }

    /// The rows of a simulated database.
    #[derive(Default)]
    struct Cluster {
        keys: Vec<TokenKeyRow>,
        created: usize,
    }

    impl Cluster {
        fn take(&mut self, step: Step, now: i64) {
            let named = |kid: &str, keys: &[TokenKeyRow]| keys.iter().position(|key| key.view.kid == kid).unwrap();
            match step {
                Step::Prepare => {
                    self.keys.push(key(&self.created.to_string(), TokenKeyState::Prepared, now));
                    self.created += 1;
                }
                Step::Rotate { activate, retire } => {
                    if let Some(retire) = retire {
                        let old = named(&retire, &self.keys);
                        self.keys[old].view.state = TokenKeyState::Retired;
                    }
                    let new = named(&activate, &self.keys);
                    self.keys[new].view.state = TokenKeyState::Active;
                    self.keys[new].view.activated_at = Some(at(now));
                }
                Step::Erase(kid) => drop(self.keys.remove(named(&kid, &self.keys))),
            }
        }

        fn settle(&mut self, now: i64, policy: Policy) {
            for _ in 0..100 {
                let Some(step) = next(&self.keys, at(now), policy) else { return };
                self.take(step, now);
            }
            panic!("there is always another step");
        }

        fn all(&self, state: TokenKeyState) -> Vec<&TokenKeyRow> {
            self.keys.iter().filter(|key| key.view.state == state).collect()
        }
    }

    proptest! {
        #[test]
        fn every_live_token_verifies_and_keys_are_known_before_they_sign(
            events in prop::collection::vec(event(), 1..300),
        ) {
            let (mut cluster, mut policy, mut now) = (Cluster::default(), POLICY, 0);
            let mut tokens: Vec<(String, i64)> = Vec::new();
            cluster.settle(now, policy);
            let mut by_hand = vec!["0".to_owned()];
            for event in events {
                match event {
                    Event::Time(seconds) => {
                        now += seconds;
                        cluster.settle(now, policy);
                        let active = cluster.all(TokenKeyState::Active)[0];
                        let since = active.view.activated_at.unwrap();
                        let ahead = since.duration_since(active.view.created_at);
                        prop_assert!(by_hand.contains(&active.view.kid) || ahead >= policy.max_age);
                        let prepared = cluster.all(TokenKeyState::Prepared)[0];
                        let unknown = at(now) < prepared.view.created_at + policy.max_age;
                        prop_assert!(unknown || at(now) < since + policy.key_lifetime, "an old key signs");
                    }
                    Event::Token(lifetime) => {
                        let is_active = |key: &&mut TokenKeyRow| key.view.state == TokenKeyState::Active;
                        let active = cluster.keys.iter_mut().find(is_active).unwrap();
                        active.tokens_end_at = active.tokens_end_at.max(Some(at(now + lifetime)));
                        tokens.push((active.view.kid.clone(), now + lifetime));
                    }
                    Event::ByHand => {
                        by_hand.push(cluster.all(TokenKeyState::Prepared)[0].view.kid.clone());
                        cluster.take(rotation(&cluster.keys).unwrap(), now);
                        cluster.settle(now, policy);
                    }
                    Event::Declared(seconds) => {
                        policy.key_lifetime = SignedDuration::from_secs(seconds);
                        cluster.settle(now, policy);
                    }
                }
                prop_assert_eq!(cluster.all(TokenKeyState::Active).len(), 1);
                prop_assert_eq!(cluster.all(TokenKeyState::Prepared).len(), 1);
                tokens.retain(|(_, end)| *end > now);
                for (kid, _) in &tokens {
                    prop_assert!(cluster.keys.iter().any(|key| key.view.kid == *kid), "a live token's key is gone");
                }
                for old in cluster.all(TokenKeyState::Retired) {
                    prop_assert!(tokens.iter().any(|(kid, _)| *kid == old.view.kid), "a key is kept without a live \
                        token");
                }
            }
        }
    }
}
