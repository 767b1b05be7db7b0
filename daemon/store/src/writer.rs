//! The one who writes: operations take turns on one connection, and those that wait for the disk wait together.
//!
//! # Guarantees
//!
//! - An operation is a savepoint of its own: it is all or nothing, whatever its neighbours do.
//! - An operation is told that it has committed only after the group that it was part of is durable.
//! - Whoever goes away, in the middle of a statement too, is undone, and the next one finds a sound connection.
//!
//! A group begins with whoever comes first, and goes on for as long as others wait, up to [`GROUP`]. So one alone waits for
//! nobody, and many share one write to the disk: it is the disk that is slow, not the statements.

use std::sync::Arc;

use sqlx::{AnyConnection, Executor as _};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::database::Database;

/// The most operations that one write to the disk makes durable.
const GROUP: usize = 128;

/// What is asked of the writer.
pub(crate) enum Request {
    /// A turn.
    Turn(oneshot::Sender<Result<Turn, sqlx::Error>>),
    /// An end, after everything that was asked before.
    Close(oneshot::Sender<()>),
}

/// Whether a group has become durable.
pub(crate) type Durable = oneshot::Receiver<Result<(), Arc<sqlx::Error>>>;

/// The connection, lent for one operation. Dropped, it goes back and what was done is undone.
pub(crate) struct Turn {
    lent: Option<(AnyConnection, oneshot::Sender<Returned>)>,
}

/// The connection as it comes back.
struct Returned {
    connection: AnyConnection,
    /// Whom to tell once it is durable; nobody when it is to be undone.
    keep: Option<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>,
}

impl Turn {
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.lent.as_mut().expect("the connection is lent until the turn ends").0
    }

    /// Ends the turn and asks for what was done to be kept.
    pub(crate) fn keep(mut self) -> Durable {
        let (keep, durable) = oneshot::channel();
        self.give_back(Some(keep));
        durable
    }

    fn give_back(&mut self, keep: Option<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>) {
        if let Some((connection, back)) = self.lent.take() {
            // The writer waits for it; when it is gone, so is the database.
            let _ = back.send(Returned { connection, keep });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

/// Serves turns until asked to close, or until nobody can ask any more.
pub(crate) async fn serve(
    database: Database,
    connection: AnyConnection,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let mut writer = Writer { database, connection: Some(connection) };
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
    /// None after it broke, until the next group.
    connection: Option<AnyConnection>,
}

impl Writer {
    /// One group: begins, gives turns, and makes all of them durable. Returns a request to close that came meanwhile.
    async fn group(
        &mut self,
        first: oneshot::Sender<Result<Turn, sqlx::Error>>,
        requests: &mut mpsc::UnboundedReceiver<Request>,
    ) -> Option<oneshot::Sender<()>> {
        let mut connection = match self.begin().await {
            Ok(connection) => connection,
            Err(error) => {
                warn!(error = %error, "the database cannot be written to");
                let _ = first.send(Err(error));
                return None;
            }
        };
        let (mut kept, mut close, mut next) = (Vec::new(), None, Some(first));
        while let Some(asking) = next.take() {
            connection = match turn(connection, asking, &mut kept).await {
                Ok(connection) => connection,
                // What was kept so far is not durable, and is told so.
                Err(error) => {
                    warn!(error = %error, "the connection to the database broke");
                    tell(kept, &Err(Arc::new(error)));
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
                if group > 1 {
                    debug!(group, "committed together");
                }
                tell(kept, &Ok(()));
            }
            Err(error) => {
                warn!(error = %error, "the database does not commit");
                // Whether the transaction still stands is not known, so the connection goes.
                tell(kept, &Err(Arc::new(error)));
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
        // It may have been lost while nobody wrote.
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

/// One operation. Fails only when the connection is of no use any more.
async fn turn(
    mut connection: AnyConnection,
    asking: oneshot::Sender<Result<Turn, sqlx::Error>>,
    kept: &mut Vec<oneshot::Sender<Result<(), Arc<sqlx::Error>>>>,
) -> Result<AnyConnection, sqlx::Error> {
    if asking.is_closed() {
        return Ok(connection);
    }
    connection.execute("SAVEPOINT operation").await?;
    let (back, returning) = oneshot::channel();
    // Whoever does not wait any more drops the turn, and so gives it back.
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
        // Whoever went away has no use for it.
        let _ = keep.send(outcome.clone());
    }
}
