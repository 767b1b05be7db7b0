//! Whole paths through the real programs.

mod acceptance;
mod api;
mod faults;
mod nodes;
mod story;
