//! What the saga engine relies on: no sequence number twice, and no event of a replaced owner.

use super::*;

fn started(step: &str) -> Event {
    Event::StepStarted { step: step.to_owned() }
}

async fn with_a_saga(world: &World) -> (SagaLog, SagaId, Epoch) {
    let id = SagaId::new("s1");
    let mut tx = world.write().await;
    let epoch = tx.leases().acquire(LEASE, "a", at(0), at(10)).await.unwrap().unwrap();
    let saga = NewSaga { id: &id, kind: "launch_node", subject: "head", input: serde_json::json!({ "n": 1 }) };
    tx.sagas().insert(&saga, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    (SagaLog::new(world.store.clone(), LEASE), id, epoch)
}

#[tokio::test]
async fn events_are_loaded_in_order_after_reopening_too() {
    let world = World::new().await;
    let (log, id, epoch) = with_a_saga(&world).await;
    assert!(log.load(&id).await.unwrap().is_empty());
    let events = [started("a"), Event::StepDone { step: "a".to_owned(), output: serde_json::json!([1]) }];
    for (seq, event) in (0..).zip(&events) {
        log.append(&id, epoch, seq, event).await.unwrap();
    }
    let world = world.reopen().await;
    assert_eq!(SagaLog::new(world.store.clone(), LEASE).load(&id).await.unwrap(), events);
}

#[tokio::test]
async fn a_sequence_number_that_exists_is_refused_and_its_event_stays() {
    let world = World::new().await;
    let (log, id, epoch) = with_a_saga(&world).await;
    log.append(&id, epoch, 0, &started("a")).await.unwrap();
    let again = log.append(&id, epoch, 0, &started("b")).await;
    assert!(matches!(again, Err(AppendError::SeqTaken { seq: 0, .. })), "{again:?}");
    assert_eq!(log.load(&id).await.unwrap(), [started("a")]);
}

#[tokio::test]
async fn of_many_appends_with_one_sequence_number_one_succeeds() {
    let world = World::new().await;
    let (log, id, epoch) = with_a_saga(&world).await;
    let racers: Vec<_> = (0..10)
        .map(|racer| {
            let (log, id) = (log.clone(), id.clone());
            tokio::spawn(async move { log.append(&id, epoch, 0, &started(&racer.to_string())).await.is_ok() })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        winners += usize::from(racer.await.unwrap());
    }
    assert_eq!((winners, log.load(&id).await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_replaced_owner_is_refused_at_once() {
    let world = World::new().await;
    let (log, id, old) = with_a_saga(&world).await;
    log.append(&id, old, 0, &started("a")).await.unwrap();
    let mut tx = world.write().await;
    let new = tx.leases().acquire(LEASE, "b", at(11), at(20)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert!(new > old);
    let late = log.append(&id, old, 1, &started("b")).await;
    assert!(
        matches!(late, Err(AppendError::Replaced { epoch, newest, .. }) if (epoch, newest) == (old, new)),
        "{late:?}"
    );
    log.append(&id, new, 1, &started("c")).await.unwrap();
    assert_eq!(log.load(&id).await.unwrap(), [started("a"), started("c")]);
}

#[tokio::test]
async fn an_unknown_saga_is_not_found_and_gets_no_events() {
    let world = World::new().await;
    let (log, _, epoch) = with_a_saga(&world).await;
    let unknown = SagaId::new("unknown");
    assert!(matches!(log.load(&unknown).await, Err(LoadError::NotFound { .. })));
    let refused = log.append(&unknown, epoch, 0, &started("a")).await;
    assert!(matches!(refused, Err(AppendError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_saga_is_unfinished_until_its_finish_is_recorded() {
    let world = World::new().await;
    let (log, id, epoch) = with_a_saga(&world).await;
    log.append(&id, epoch, 0, &started("start_node")).await.unwrap();
    let mut tx = world.write().await;
    let unfinished = tx.sagas().list_unfinished().await.unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!((unfinished[0].id.clone(), unfinished[0].input.clone()), (id.clone(), serde_json::json!({ "n": 1 })));
    assert_eq!(tx.sagas().find_last("head").await.unwrap().unwrap().finished_at, None);
    tx.sagas().finish(&id, "done", at(9)).await.unwrap();
    assert!(tx.sagas().list_unfinished().await.unwrap().is_empty());
    assert_eq!(tx.sagas().find_last("head").await.unwrap().unwrap().finished_at, Some(at(9)));
    let shown = &tx.sagas().list(10).await.unwrap()[0];
    assert_eq!((shown.state.as_str(), shown.last_event.as_deref()), ("done", Some("start_node: StepStarted")));
}

#[tokio::test]
async fn a_failed_saga_begins_again_as_the_same_one_without_the_events_of_before() {
    let world = World::new().await;
    let (log, id, epoch) = with_a_saga(&world).await;
    log.append(&id, epoch, 0, &started("start_node")).await.unwrap();
    let mut tx = world.write().await;
    tx.sagas().finish(&id, "undone", at(9)).await.unwrap();
    tx.sagas().begin_again(&id).await.unwrap();
    let again = tx.sagas().find_last("head").await.unwrap().unwrap();
    assert_eq!((again.attempts, again.finished_at), (2, None));
    assert_eq!(tx.sagas().list(10).await.unwrap()[0].last_event, None);
    tx.sagas().finish(&id, "undone", at(10)).await.unwrap();
    tx.sagas().forget_attempts("head").await.unwrap();
    assert_eq!(tx.sagas().find_last("head").await.unwrap().unwrap().attempts, 0);
    tx.commit().await.unwrap();
    log.append(&id, epoch, 0, &started("start_node")).await.unwrap();
}
