//! The daemon dies: at every point where something was signed or is made durable, and at any moment under load, alone
//! and as one of two on a database. Whoever asked goes on asking, the daemon is started again, and then everything that
//! was ever answered must be true.

mod every_point;
mod ledger;
mod two_daemons;
mod under_load;
