//! Batching: requests that arrive at the same time share one piece of work that costs the same for one as for many,
//! such as a transaction.
//!
//! # Guarantees
//!
//! - The work for a request starts after the request was submitted, so its answer is never stale.
//! - A request alone does not wait. Requests that arrive while a batch runs wait for it, and form the next batch.
//! - A request that is cancelled does not affect the answers to the others.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The maximum number of requests in one batch.
const MAX_BATCH: usize = 128;

/// The waiting requests.
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
    /// Submits a request. `answer` answers all requests that wait when the batch starts, in their order. Returns `None`
    /// if it panicked.
    pub(crate) async fn submit<F>(&self, request: A, answer: impl FnOnce(Vec<A>) -> F) -> Option<R>
    where
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        let (sender, mut receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((request, sender));
        let turn = tokio::select! {
            biased;
            answer = &mut receiver => return answer.ok(),
            turn = self.turn.clone().lock_owned() => turn,
        };
        let (requests, senders): (Vec<A>, Vec<_>) = self.next().into_iter().unzip();
        if !requests.is_empty() {
            let answering = answer(requests);
            // In a task of its own, so that the others get their answers even if this request is cancelled.
            tokio::spawn(async move {
                let answers = answering.await;
                drop(turn);
                for (sender, answer) in senders.into_iter().zip(answers) {
                    let _ = sender.send(answer);
                }
            });
        }
        receiver.await.ok()
    }

    /// The next batch, without cancelled requests.
    fn next(&self) -> Vec<(A, oneshot::Sender<R>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(_, sender)| !sender.is_closed());
        let count = waiting.len().min(MAX_BATCH);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn each_request_gets_its_own_answer_and_waiting_requests_share_a_batch() {
        let (batch, rounds) = (Batch::<usize, usize>::default(), Arc::new(AtomicUsize::new(0)));
        let asking = (0..200).map(|number| {
            batch.submit(number, |asked| {
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
        assert_eq!(
            rounds.load(Ordering::Relaxed),
            3,
            "the first alone, and the rest in two batches of at most {MAX_BATCH}"
        );
    }

    #[tokio::test]
    async fn a_cancelled_request_does_not_affect_the_others() {
        let (batch, gate) = (Arc::new(Batch::<u8, u8>::default()), Arc::new(Notify::new()));
        let held = gate.clone();
        let first = {
            let batch = batch.clone();
            tokio::spawn(async move {
                batch
                    .submit(1, |asked| async move {
                        held.notified().await;
                        asked
                    })
                    .await
            })
        };
        tokio::task::yield_now().await;
        let gone = {
            let batch = batch.clone();
            tokio::spawn(async move { batch.submit(2, |_| async { unreachable!("it is cancelled") }).await })
        };
        tokio::task::yield_now().await;
        let last = {
            let batch = batch.clone();
            tokio::spawn(async move {
                batch
                    .submit(3, |asked| async move {
                        assert_eq!(asked, [3], "a cancelled request is not in the batch");
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
    async fn a_batch_that_panics_gives_no_answers_and_the_next_one_does() {
        let batch = Batch::<u8, u8>::default();
        assert_eq!(batch.submit(1, |_| async { panic!("a fault") }).await, None);
        assert_eq!(batch.submit(2, |asked| async move { asked }).await, Some(2));
    }
}
