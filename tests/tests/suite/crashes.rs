//! The daemon dies: at every point where something is signed or made durable, and at random under load, alone and as
//! one of two on a database. Clients repeat their requests, the daemon is restarted, and then everything that was ever
//! acknowledged must hold.

mod every_point;
mod ledger;
mod two_daemons;
mod under_load;
