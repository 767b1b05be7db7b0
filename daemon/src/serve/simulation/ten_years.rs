//! Ten years in about a minute: some hundreds of members join and leave, while everything rotates by schedule, on
//! request, and because keys are compromised.

use super::*;

/// The time between two checks.
const TICK: SignedDuration = SignedDuration::from_hours(20 * 24);
/// The number of ticks in ten years.
const TICKS: u32 = 183;
const MEMBERS: usize = 40;

#[tokio::test]
async fn in_ten_years_everything_in_use_verifies_and_nothing_revoked_does() {
    let mut simulation = Simulation::new(&["head", "workers-0", "workers-1"], MEMBERS).await;
    simulation.settle().await;
    // The first CRLs were signed before anything was declared, for a day.
    simulation.clock.advance(SignedDuration::from_hours(13));
    simulation.settle().await;
    for tick in 1..=TICKS {
        simulation.clock.advance(TICK);
        // Two join and two leave, so that hardly any of the first members remain in the end.
        let leaving: Vec<String> = simulation.members.iter().take(2).cloned().collect();
        let mut left = Vec::new();
        for member in leaving {
            left.push(simulation.remove_member(&member).await);
            simulation.add_member().await;
        }
        match tick {
            22 => simulation.rotate(AuthorityDomain::Services, false).await,
            45 => simulation.rotate(AuthorityDomain::Projects, true).await,
            68 => simulation.rotate(AuthorityDomain::Services, true).await,
            112 => simulation.rotate(AuthorityDomain::Root, false).await,
            150 => simulation.rotate(AuthorityDomain::Root, true).await,
            _ => {}
        }
        simulation.settle().await;
        simulation.revoked.extend(left);
        simulation.verify_all().await;
    }
    let years = simulation.clock.now().duration_since("2027-01-01T00:00:00Z".parse().unwrap()).as_hours() / 24 / 365;
    assert!(years >= 10, "{years}");
    let mut tx = simulation.daemon.base.store.read("test").await.unwrap();
    let rows = tx.issuers().list().await.unwrap();
    for (domain, least) in [(AuthorityDomain::Root, 4), (AuthorityDomain::Services, 6), (AuthorityDomain::Projects, 5)]
    {
        let count = rows.iter().filter(|row| row.view.domain == domain).count();
        assert!(count >= least, "{count} authorities of {domain:?}");
    }
    assert!(simulation.distrusted.is_empty(), "every compromised authority is gone");
    assert_eq!(tx.audit().find_first_break().await.unwrap(), None);
    println!("{} checks, {} authorities, {} members", simulation.checks, rows.len(), simulation.joined);
}
