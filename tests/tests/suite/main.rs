//! Whole paths through the real programs.

mod api;
mod faults;
mod nodes;
