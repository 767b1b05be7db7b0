//! Whole paths through the real programs.

mod acceptance;
mod api;
mod faults;
mod interrupts;
mod nodes;
mod refusals;
mod story;
