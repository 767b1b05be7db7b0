//! What to do on the node: a pure function of what is desired, what lies on disk, and the time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ringfence_api::cluster::ServiceToken;
use ringfence_api::node::{DesiredNode, DesiredService};
use ringfence_api::{DnsName, ServiceName};
use ringfence_pki::{CertificateFacts, TokenFacts, renew_at};

use crate::disk::{HeldSet, Observed};

/// One thing to do. The order of a plan is the order of doing: trust first, so that what is issued can be
/// verified against it; reloads last, when everything is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Replace the roots.
    WriteCaBundle,
    /// Replace the CRLs.
    WriteCrls,
    /// Renew the node's own certificate.
    RenewNode,
    /// Get a service a new certificate.
    Issue(ServiceName),
    /// Get a service a new token.
    IssueToken(ServiceName),
    /// Remove the token of a service that is declared with none any more.
    RemoveToken(ServiceName),
    /// Try again the certificate that a service refused.
    TryAgain(ServiceName),
    /// Remove a service that is not declared here any more.
    Remove(ServiceName),
    /// Tell a service that its files have changed.
    Reload(ServiceName),
}

/// What to do now.
pub fn plan(desired: &DesiredNode, observed: &Observed, dns_name: &DnsName, now: Timestamp) -> Vec<Action> {
    let mut actions = Vec::new();
    let crls = crl_file(desired);
    let trust_changes =
        observed.ca_bundle.as_ref() != Some(&desired.ca_bundle) || observed.crls.as_ref() != Some(&crls);
    if observed.ca_bundle.as_ref() != Some(&desired.ca_bundle) {
        actions.push(Action::WriteCaBundle);
    }
    if observed.crls.as_ref() != Some(&crls) {
        actions.push(Action::WriteCrls);
    }
    if !observed.node.as_ref().is_some_and(|set| is_fresh(&set.facts, desired, now)) {
        actions.push(Action::RenewNode);
    }
    let mut reloads = Vec::new();
    for service in &desired.services {
        let held = observed.services.get(&service.name).and_then(Option::as_ref);
        let valid = held.is_some_and(|set| is_valid(set, service, dns_name, desired, now));
        let (mut issue, mut certificate) = (false, None);
        if !valid {
            let refused = observed.refused.get(&service.name);
            let again = refused.is_some_and(|set| is_valid(set, service, dns_name, desired, now));
            let name = service.name.clone();
            issue = !again;
            certificate = Some(if again { Action::TryAgain(name) } else { Action::Issue(name) });
        }
        // With a new certificate comes a new token, for what is wrong with the one may be so with the other; first, so
        // that after an interruption both are made.
        let token = observed.tokens.get(&service.name);
        match &service.token {
            Some(declared) => {
                let held = token.and_then(Option::as_ref);
                if issue || !held.is_some_and(|held| is_valid_token(held, declared, desired, now)) {
                    actions.push(Action::IssueToken(service.name.clone()));
                }
            }
            None if token.is_some() => actions.push(Action::RemoveToken(service.name.clone())),
            None => {}
        }
        actions.extend(certificate);
        let due = observed.reload_due.contains(&service.name);
        if has_commands(service) && (!valid || due || trust_changes) {
            reloads.push(Action::Reload(service.name.clone()));
        }
    }
    let declared: BTreeSet<&ServiceName> = desired.services.iter().map(|service| &service.name).collect();
    actions.extend(observed.services.keys().filter(|name| !declared.contains(name)).cloned().map(Action::Remove));
    actions.extend(reloads);
    actions
}

/// Whether somebody wants to know when the files of a service change.
pub(crate) fn has_commands(service: &DesiredService) -> bool {
    service.check.is_some() || service.reload.is_some()
}

/// When the next certificate must be renewed, judging by what lies on disk.
pub fn next_renewal(observed: &Observed) -> Option<Timestamp> {
    let services = observed.services.values().flatten();
    let certificates = observed.node.iter().chain(services).map(|set| renewal_of(&set.facts));
    certificates.chain(observed.tokens.values().flatten().map(renewal_of_token)).min()
}

/// All CRLs in one file, for services that read one.
pub(crate) fn crl_file(desired: &DesiredNode) -> String {
    desired.crls.iter().map(|crl| crl.pem.as_str()).collect()
}

fn is_valid(
    set: &HeldSet,
    service: &DesiredService,
    dns_name: &DnsName,
    desired: &DesiredNode,
    now: Timestamp,
) -> bool {
    let mut names: Vec<String> = service.dns_names.iter().map(ToString::to_string).collect();
    names.extend(service.ip_addresses.iter().map(ToString::to_string));
    let held: BTreeSet<&String> = set.facts.alternative_names.iter().collect();
    is_fresh(&set.facts, desired, now)
        && set.files == service.files
        && set.facts.common_name == dns_name.as_str()
        && set.facts.locality.as_deref() == Some(service.user.as_str())
        && set.facts.key_algorithm == Some(service.key_algorithm)
        && held == names.iter().collect()
}

fn is_fresh(facts: &CertificateFacts, desired: &DesiredNode, now: Timestamp) -> bool {
    let serial = facts.serial.to_string();
    // A certificate from the future means that a clock has jumped back; it is as bad as an old one.
    let in_time = facts.not_before <= now && now < renewal_of(facts);
    in_time && !desired.revoked.contains(&serial) && !desired.rotate.contains(&serial)
}

fn is_valid_token(held: &TokenFacts, declared: &ServiceToken, desired: &DesiredNode, now: Timestamp) -> bool {
    let in_time = held.validity.not_before <= now && now < renewal_of_token(held);
    let wanted = !desired.revoked.contains(&held.id) && !desired.rotate.contains(&held.id);
    in_time && wanted && held.audience == declared.audience.as_str()
}

fn renewal_of_token(facts: &TokenFacts) -> Timestamp {
    let jitter = facts.id.as_bytes().last().copied().unwrap_or_default();
    renew_at(facts.validity.not_before, facts.validity.not_after, jitter)
}

fn renewal_of(facts: &CertificateFacts) -> Timestamp {
    renew_at(facts.not_before, facts.not_after, facts.serial.as_bytes()[15])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ringfence_api::cluster::{KeyAlgorithm, ServiceCommand, ServiceFiles};
    use ringfence_api::node::DesiredCrl;
    use ringfence_api::{Audience, ClusterId, Lifetime, SystemUser};
    use ringfence_pki::Serial;

    use super::*;

    const NODE: &str = "workers-0.demo.internal";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn service(name: &str) -> ServiceName {
        ServiceName::parse(name).unwrap()
    }

    fn desired() -> DesiredNode {
        DesiredNode {
            generation: 7,
            incarnation: None,
            cluster_id: ClusterId::random(),
            services: vec![DesiredService {
                name: service("query"),
                user: SystemUser::parse("query").unwrap(),
                dns_names: vec![DnsName::parse(NODE).unwrap()],
                ip_addresses: vec!["127.0.0.1".parse().unwrap()],
                key_algorithm: KeyAlgorithm::default(),
                files: ServiceFiles::default(),
                token: None,
                check: None,
                reload: Some(ServiceCommand { command: vec!["true".to_owned()], timeout: Lifetime::from_secs(5) }),
            }],
            ca_bundle: "roots".to_owned(),
            crls: vec![DesiredCrl { issuer: "root-1".to_owned(), shard: 0, number: 1, pem: "crl".to_owned() }],
            report_every: Lifetime::from_secs(5),
            revoked: BTreeSet::new(),
            rotate: BTreeSet::new(),
        }
    }

    fn set(serial: u8) -> HeldSet {
        HeldSet {
            facts: CertificateFacts {
                serial: Serial::parse(&format!("{serial:032x}")).unwrap(),
                common_name: NODE.to_owned(),
                not_before: at(1_000),
                not_after: at(2_000),
                public_key: Vec::new(),
                key_algorithm: Some(KeyAlgorithm::EcdsaP256),
                alternative_names: vec![NODE.to_owned(), "127.0.0.1".to_owned()],
                locality: Some("query".to_owned()),
                organization: None,
            },
            files: ServiceFiles::default(),
        }
    }

    fn observed() -> Observed {
        Observed {
            node: Some(set(1)),
            services: BTreeMap::from([(service("query"), Some(set(2)))]),
            reload_due: Vec::new(),
            refused: BTreeMap::new(),
            tokens: BTreeMap::new(),
            ca_bundle: Some("roots".to_owned()),
            crls: Some("crl".to_owned()),
        }
    }

    fn planned(desired: &DesiredNode, observed: &Observed, now: i64) -> Vec<Action> {
        plan(desired, observed, &DnsName::parse(NODE).unwrap(), at(now))
    }

    #[test]
    fn a_node_that_holds_everything_does_nothing() {
        assert_eq!(planned(&desired(), &observed(), 1_100), []);
    }

    #[test]
    fn an_empty_node_gets_everything_in_order() {
        let query = service("query");
        let expected = [
            Action::WriteCaBundle,
            Action::WriteCrls,
            Action::RenewNode,
            Action::Issue(query.clone()),
            Action::Reload(query),
        ];
        assert_eq!(planned(&desired(), &Observed::default(), 1_100), expected);
    }

    #[test]
    fn certificates_are_renewed_around_two_thirds_of_their_life() {
        assert_eq!(planned(&desired(), &observed(), 1_600), []);
        let renewed = planned(&desired(), &observed(), 1_720);
        assert!(renewed.contains(&Action::RenewNode) && renewed.contains(&Action::Issue(service("query"))));
        let next = next_renewal(&observed()).unwrap();
        assert!(at(1_600) < next && next < at(1_720));
    }

    #[test]
    fn what_makes_a_service_certificate_wrong_gets_it_a_new_one() {
        type Change = fn(&mut DesiredNode, &mut Observed);
        let wrong: [(&str, Change); 9] = [
            ("files of another owner", |desired, _| {
                desired.services[0].files.owner = Some(SystemUser::parse("nobody").unwrap());
            }),
            ("another kind of key", |desired, _| {
                desired.services[0].key_algorithm = KeyAlgorithm::Rsa2048;
            }),
            ("revoked", |desired, _| desired.revoked = BTreeSet::from([set(2).facts.serial.to_string()])),
            ("to be rotated", |desired, _| desired.rotate = BTreeSet::from([set(2).facts.serial.to_string()])),
            ("another user", |desired, _| desired.services[0].user = SystemUser::parse("other").unwrap()),
            ("another name", |desired, _| desired.services[0].dns_names.push(DnsName::parse("q.internal").unwrap())),
            ("another address", |desired, _| desired.services[0].ip_addresses.clear()),
            ("damaged files", |_, observed| observed.services = BTreeMap::from([(service("query"), None)])),
            ("from the future", |_, observed| {
                let mut future = set(2);
                future.facts.not_before = at(1_500);
                observed.services.insert(service("query"), Some(future));
            }),
        ];
        for (what, change) in wrong {
            let (mut desired, mut observed) = (desired(), observed());
            change(&mut desired, &mut observed);
            let query = service("query");
            assert_eq!(
                planned(&desired, &observed, 1_100),
                [Action::Issue(query.clone()), Action::Reload(query)],
                "{what}"
            );
        }
    }

    #[test]
    fn what_is_to_be_rotated_is_replaced_though_it_is_valid_and_nothing_else_is() {
        let mut desired = desired();
        desired.rotate = BTreeSet::from([set(1).facts.serial.to_string(), set(9).facts.serial.to_string()]);
        assert_eq!(planned(&desired, &observed(), 1_100), [Action::RenewNode]);
    }

    #[test]
    fn a_new_crl_is_written_and_services_are_told() {
        let mut desired = desired();
        desired.crls[0].pem = "newer".to_owned();
        assert_eq!(planned(&desired, &observed(), 1_100), [Action::WriteCrls, Action::Reload(service("query"))]);
    }

    #[test]
    fn a_reload_that_was_missed_is_made_up_for() {
        let mut observed = observed();
        observed.reload_due.push(service("query"));
        assert_eq!(planned(&desired(), &observed, 1_100), [Action::Reload(service("query"))]);
    }

    #[test]
    fn what_a_service_refused_is_tried_again_while_it_is_valid() {
        let mut observed = observed();
        observed.services.insert(service("query"), Some(set(2)));
        observed.refused.insert(service("query"), set(3));
        let mut desired = desired();
        desired.rotate = BTreeSet::from([set(2).facts.serial.to_string()]);
        let query = service("query");
        let again = [Action::TryAgain(query.clone()), Action::Reload(query.clone())];
        assert_eq!(planned(&desired, &observed, 1_100), again);
        desired.revoked = BTreeSet::from([set(3).facts.serial.to_string()]);
        assert_eq!(planned(&desired, &observed, 1_100), [Action::Issue(query.clone()), Action::Reload(query)]);
    }

    #[test]
    fn what_makes_a_token_wrong_gets_the_service_a_new_one_and_nobody_is_told() {
        type Change = fn(&mut DesiredNode, &mut Option<TokenFacts>);
        let table: [(&str, i64, Change, bool); 9] = [
            ("it is valid", 1_100, |_, _| {}, false),
            ("before two thirds", 1_600, |_, _| {}, false),
            ("after two thirds", 1_720, |_, _| {}, true),
            ("expired", 2_100, |_, _| {}, true),
            ("from the future", 900, |_, _| {}, true),
            ("damaged", 1_100, |_, token| *token = None, true),
            ("for somebody else", 1_100, |_, token| token.as_mut().unwrap().audience = "other".to_owned(), true),
            ("ended", 1_100, |desired, _| desired.revoked.extend(["0f".to_owned()]), true),
            ("to be rotated", 1_100, |desired, _| desired.rotate.extend(["0f".to_owned()]), true),
        ];
        let query = service("query");
        for (what, now, change, replaced) in table {
            let (mut desired, mut observed) = (desired(), observed());
            // Only the token is old.
            for set in observed.node.iter_mut().chain(observed.services.values_mut().flatten()) {
                set.facts.not_before = at(0);
                set.facts.not_after = at(10_000);
            }
            desired.services[0].token = Some(ServiceToken { audience: Audience::parse("search").unwrap() });
            let validity = ringfence_pki::Validity { not_before: at(1_000), not_after: at(2_000) };
            let mut token = Some(TokenFacts { id: "0f".to_owned(), audience: "search".to_owned(), validity });
            change(&mut desired, &mut token);
            observed.tokens.insert(query.clone(), token);
            let expected: &[Action] = if replaced { &[Action::IssueToken(query.clone())] } else { &[] };
            assert_eq!(planned(&desired, &observed, now), expected, "{what}");
        }
    }

    #[test]
    fn a_token_comes_before_the_first_certificate_and_goes_when_it_is_not_declared() {
        let (mut desired, mut observed) = (desired(), observed());
        let query = service("query");
        observed.tokens.insert(query.clone(), None);
        assert_eq!(planned(&desired, &observed, 1_100), [Action::RemoveToken(query.clone())]);
        desired.services[0].token = Some(ServiceToken { audience: Audience::parse("search").unwrap() });
        let actions = planned(&desired, &Observed::default(), 1_100);
        let expected = [Action::IssueToken(query.clone()), Action::Issue(query.clone()), Action::Reload(query)];
        assert_eq!(actions[3..], expected);
    }

    #[test]
    fn a_service_that_is_gone_is_removed() {
        let mut observed = observed();
        observed.services.insert(service("old"), Some(set(3)));
        assert_eq!(planned(&desired(), &observed, 1_100), [Action::Remove(service("old"))]);
    }
}
