//! Batching: what costs the same for one as for many, such as a transaction, is done once for all who ask at the same time.
//!
//! # Guarantees
//!
//! - An answer is worked out after it was asked for, never before: nobody gets what was true earlier.
//! - One alone waits for nobody. While a batch is worked on, whoever comes next waits and is in the next batch.
//! - Whoever stops waiting takes no answer from anybody else.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The most in one batch.
const MOST: usize = 128;

/// Those who wait.
#[derive(Debug)]
pub(crate) struct Batch<A, R> {
    waiting: Mutex<Vec<(A, oneshot::Sender<R>)>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<A, R> Default for Batch<A, R> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: Arc::default() }
    }
}

impl<A, R: Send + 'static> Batch<A, R> {
    /// Asks. `answer` answers everybody who waits by then, in order. Nothing when it panicked.
    pub(crate) async fn ask<F>(&self, asked: A, answer: impl FnOnce(Vec<A>) -> F) -> Option<R>
    where
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        let (tell, mut told) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((asked, tell));
        let turn = tokio::select! {
            biased;
            answer = &mut told => return answer.ok(),
            turn = self.turn.clone().lock_owned() => turn,
        };
        let (asked, tell): (Vec<A>, Vec<_>) = self.next().into_iter().unzip();
        if !asked.is_empty() {
            let answering = answer(asked);
            // On its own, so that it is finished for the others when this one goes away.
            tokio::spawn(async move {
                let answers = answering.await;
                drop(turn);
                for (tell, answer) in tell.into_iter().zip(answers) {
                    let _ = tell.send(answer);
                }
            });
        }
        told.await.ok()
    }

    /// Those whose turn it is, without whoever has gone away.
    fn next(&self) -> Vec<(A, oneshot::Sender<R>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(_, tell)| !tell.is_closed());
        let most = waiting.len().min(MOST);
        waiting.drain(..most).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn everybody_gets_their_own_answer_and_those_who_wait_are_answered_together() {
        let (batch, rounds) = (Batch::<usize, usize>::default(), Arc::new(AtomicUsize::new(0)));
        let asking = (0..200).map(|number| {
            batch.ask(number, |asked| {
                let rounds = rounds.clone();
                async move {
                    rounds.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    asked.into_iter().map(|number| number * 2).collect()
                }
            })
        });
        let answers = futures::future::join_all(asking).await;
        assert_eq!(answers, (0..200).map(|number| Some(number * 2)).collect::<Vec<_>>());
        assert_eq!(rounds.load(Ordering::Relaxed), 3, "the first alone, and the rest in two rounds of at most {MOST}");
    }

    #[tokio::test]
    async fn whoever_goes_away_takes_no_answer_from_anybody_else() {
        let (batch, gate) = (Arc::new(Batch::<u8, u8>::default()), Arc::new(Notify::new()));
        let held = gate.clone();
        let first = {
            let batch = batch.clone();
            tokio::spawn(async move {
                batch
                    .ask(1, |asked| async move {
                        held.notified().await;
                        asked
                    })
                    .await
            })
        };
        tokio::task::yield_now().await;
        let gone = {
            let batch = batch.clone();
            tokio::spawn(async move { batch.ask(2, |_| async { unreachable!("it has gone") }).await })
        };
        tokio::task::yield_now().await;
        let last = {
            let batch = batch.clone();
            tokio::spawn(async move {
                batch
                    .ask(3, |asked| async move {
                        assert_eq!(asked, [3], "whoever has gone is not asked for");
                        asked
                    })
                    .await
            })
        };
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        gate.notify_one();
        assert_eq!((first.await.unwrap(), last.await.unwrap()), (Some(1), Some(3)));
    }

    #[tokio::test]
    async fn a_round_that_panics_answers_nobody_and_the_next_is_answered() {
        let batch = Batch::<u8, u8>::default();
        assert_eq!(batch.ask(1, |_| async { panic!("a fault") }).await, None);
        assert_eq!(batch.ask(2, |asked| async move { asked }).await, Some(2));
    }
}
