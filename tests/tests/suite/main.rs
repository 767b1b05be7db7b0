//! End-to-end tests with the real programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "figures of a test are shown when it fails")]
#![expect(clippy::too_many_lines, reason = "a test is a story that is read from its start to its end")]

mod acceptance;
mod api;
mod aws;
mod commands;
mod crashes;
mod existing_objects;
mod external_verification;
mod faults;
mod history;
mod hostile;
mod impostor;
mod interrupts;
mod lost_head;
mod manual_changes;
mod newer_terraform;
mod nodes;
mod offline_root;
mod permissions;
mod plugin;
mod project_members;
mod refusals;
mod secrets_in_terraform;
mod service_manager;
mod services;
mod side_channels;
mod story;
mod token;
mod version_before;
