//! The one writer: operations take turns on one connection, and those that wait for the disk are committed together.
//!
//! # Guarantees
//!
//! - An operation is a savepoint of its own: it is all or nothing, whatever the others in its group do.
//! - An operation learns that it has committed only after its group is durable.
//! - An operation that is dropped, even in the middle of a statement, is rolled back, and the next one finds a working
//!   connection.
//!
//! A group begins with the first operation that comes, and grows while others wait, up to [`GROUP`]. So an operation
//! that comes alone does not wait, and many that come together share one write to the disk, which takes longer than the
//! statements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sqlx::{AnyConnection, Executor as _};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::database::Database;

/// The most operations in a group.
const GROUP: usize = 128;

/// A request to the writer.
pub(crate) enum Request {
    /// To lend the connection for an operation.
    Turn(oneshot::Sender<Result<Turn, Arc<sqlx::Error>>>),
    /// To close the database, after everything that was requested before.
    Close(oneshot::Sender<()>),
}

/// Why the last group failed, until one succeeds.
pub(crate) type Trouble = Arc<Mutex<Option<(Instant, Arc<sqlx::Error>)>>>;

/// Completes once the group is durable, or has failed.
pub(crate) type Durable = oneshot::Receiver<Result<(), Arc<sqlx::Error>>>;

/// The connection, lent for one operation. Dropped, it is returned and the operation is rolled back.
pub(crate) struct Turn {
    lent: Option<(AnyConnection, oneshot::Sender<Returned>)>,
}

/// The connection as it is returned.
struct Returned {
    connection: AnyConnection,
    /// Receives the outcome of the group; none to roll the operation back.
    keep: Option<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>,
}

impl Turn {
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.lent.as_mut().expect("the connection is lent until the turn ends").0
    }

    /// Ends the turn and commits the operation with its group.
    pub(crate) fn keep(mut self) -> Durable {
        let (keep, durable) = oneshot::channel();
        self.give_back(Some(keep));
        durable
    }

    fn give_back(&mut self, keep: Option<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>) {
        if let Some((connection, back)) = self.lent.take() {
            // The writer waits for it, unless the database is closed.
            let _ = back.send(Returned { connection, keep });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

/// Serves requests until one is to close, or until every sender is dropped.
pub(crate) async fn serve(
    database: Database,
    connection: AnyConnection,
    mut requests: mpsc::UnboundedReceiver<Request>,
    trouble: Trouble,
) {
    let mut writer = Writer { database, connection: Some(connection), trouble };
    while let Some(request) = requests.recv().await {
        match request {
            Request::Turn(first) => {
                if let Some(close) = writer.group(first, &mut requests).await {
                    return writer.close(close).await;
                }
            }
            Request::Close(closed) => return writer.close(closed).await,
        }
    }
}

struct Writer {
    database: Database,
    /// None after it has broken, until the next group.
    connection: Option<AnyConnection>,
    trouble: Trouble,
}

impl Writer {
    /// Notes how a group ended, for whoever asks how the database is.
    fn note(&self, trouble: Option<Arc<sqlx::Error>>) {
        let trouble = trouble.map(|error| (Instant::now(), error));
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Runs one group and makes it durable. Returns a request to close that came meanwhile.
    async fn group(
        &mut self,
        first: oneshot::Sender<Result<Turn, Arc<sqlx::Error>>>,
        requests: &mut mpsc::UnboundedReceiver<Request>,
    ) -> Option<oneshot::Sender<()>> {
        let mut connection = match self.begin().await {
            Ok(connection) => connection,
            Err(error) => {
                warn!(error = %error, "the database cannot be written to");
                let error = Arc::new(error);
                self.note(Some(error.clone()));
                let _ = first.send(Err(error));
                return None;
            }
        };
        let (mut kept, mut close, mut next) = (Vec::new(), None, Some(first));
        while let Some(asking) = next.take() {
            connection = match turn(connection, asking, &mut kept).await {
                Ok(connection) => connection,
                // The operations before this one are not durable, and their callers learn it.
                Err(error) => {
                    warn!(error = %error, "the connection to the database broke");
                    let error = Arc::new(error);
                    self.note(Some(error.clone()));
                    tell(kept, &Err(error));
                    return close;
                }
            };
            if kept.len() < GROUP {
                match requests.try_recv() {
                    Ok(Request::Turn(asking)) => next = Some(asking),
                    Ok(Request::Close(closed)) => close = Some(closed),
                    Err(_) => {}
                }
            }
        }
        let group = kept.len();
        let ended = connection.execute(if group == 0 { "ROLLBACK" } else { "COMMIT" }).await;
        match ended {
            Ok(_) => {
                self.connection = Some(connection);
                if group > 0 {
                    self.note(None);
                }
                if group > 1 {
                    debug!(group, "committed together");
                }
                tell(kept, &Ok(()));
            }
            Err(error) => {
                warn!(error = %error, "the database does not commit");
                // The connection may still be in the transaction, so it is dropped.
                let error = Arc::new(error);
                self.note(Some(error.clone()));
                tell(kept, &Err(error));
            }
        }
        close
    }

    /// A connection with a transaction that has just begun.
    async fn begin(&mut self) -> Result<AnyConnection, sqlx::Error> {
        if let Some(mut connection) = self.connection.take()
            && begin(&self.database, &mut connection).await.is_ok()
        {
            return Ok(connection);
        }
        // The connection may have broken while nothing was written.
        let mut connection = self.database.connect().await?;
        begin(&self.database, &mut connection).await?;
        Ok(connection)
    }

    async fn close(self, closed: oneshot::Sender<()>) {
        if let Some(connection) = self.connection {
            let _ = sqlx::Connection::close(connection).await;
        }
        let _ = closed.send(());
    }
}

async fn begin(database: &Database, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for statement in database.begin_write() {
        connection.execute(*statement).await?;
    }
    Ok(())
}

/// Runs one operation. Fails only if the connection is broken.
async fn turn(
    mut connection: AnyConnection,
    asking: oneshot::Sender<Result<Turn, Arc<sqlx::Error>>>,
    kept: &mut Vec<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>,
) -> Result<AnyConnection, sqlx::Error> {
    if asking.is_closed() {
        return Ok(connection);
    }
    connection.execute("SAVEPOINT operation").await?;
    let (back, returning) = oneshot::channel();
    // If the caller has stopped waiting, the turn is dropped, which returns the connection.
    drop(asking.send(Ok(Turn { lent: Some((connection, back)) })));
    let Returned { mut connection, keep } = returning.await.map_err(|_| sqlx::Error::WorkerCrashed)?;
    if let Some(keep) = keep {
        match connection.execute("RELEASE SAVEPOINT operation").await {
            Ok(_) => {
                kept.push(keep);
                return Ok(connection);
            }
            Err(error) => drop(keep.send(Err(Arc::new(error)))),
        }
    }
    connection.execute("ROLLBACK TO SAVEPOINT operation").await?;
    connection.execute("RELEASE SAVEPOINT operation").await?;
    Ok(connection)
}

fn tell(kept: Vec<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>, outcome: &Result<(), Arc<sqlx::Error>>) {
    for keep in kept {
        // A caller that was dropped does not wait for the outcome.
        let _ = keep.send(outcome.clone());
    }
}
