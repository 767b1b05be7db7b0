//! `tracing` events as the JSON lines that Terraform reads from standard error.
//!
//! Guarantees: level, message and timestamp are strings and the timestamp has six fractional digits (Terraform is
//! strict about both); a line stays under the size at which Terraform would cut it. The chatter of libraries below
//! `warn` is left out: it may hold requests.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Longer texts are cut; a line of Terraform's log is 64 KiB at most.
const TEXT_MAX: usize = 16 << 10;

/// Libraries whose events below `warn` are left out, by the start of their targets.
const LIBRARIES: [&str; 10] = ["h2", "hyper", "tonic", "tower", "rustls", "reqwest", "aws_", "azure_", "tokio", "sqlx"];

/// The level that a setting of `TF_LOG` and its kin asks for.
pub(super) fn level(setting: Option<&str>) -> LevelFilter {
    match setting.map(str::to_uppercase).as_deref() {
        None | Some("" | "OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        // Terraform too takes anything else, `JSON` included, for the most detailed.
        Some(_) => LevelFilter::TRACE,
    }
}

/// Sends events to standard error from now on.
pub(super) fn install(level: LevelFilter) {
    // Only a second provider in one process finds another subscriber in place, and then that one serves both.
    let _ = tracing::subscriber::set_global_default(Log { level, spans: AtomicU64::new(1) });
}

struct Log {
    level: LevelFilter,
    spans: AtomicU64,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let library = LIBRARIES.iter().any(|library| metadata.target().starts_with(library));
        *metadata.level() <= self.level && (!library || *metadata.level() <= Level::WARN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    /// Spans have no line of their own.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    #[allow(clippy::disallowed_methods, reason = "a log line says when it was written")]
    fn event(&self, event: &Event<'_>) {
        let mut line = line(event, Timestamp::now());
        line.push('\n');
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn line(event: &Event<'_>, now: Timestamp) -> String {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let Fields { message, mut others } = fields;
    let metadata = event.metadata();
    others.insert("@level".to_owned(), metadata.level().as_str().to_lowercase().into());
    others.insert("@message".to_owned(), message.into());
    others.insert("@timestamp".to_owned(), format!("{now:.6}").into());
    others.insert("@module".to_owned(), "provider".into());
    others.insert("target".to_owned(), metadata.target().into());
    Value::Object(others).to_string()
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // Names with @ belong to Terraform and must be strings.
        self.others.insert(field.name().trim_start_matches('@').to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = &value[..value.floor_char_boundary(TEXT_MAX)];
        if field.name() == "message" {
            text.clone_into(&mut self.message);
        } else {
            self.put(field, text.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Capture(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Capture {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(line(event, Timestamp::UNIX_EPOCH));
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn a_line_is_what_terraform_reads() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Capture(Arc::clone(&lines)), || {
            tracing::info!(attempt = 3, "hello {}", "world");
            tracing::warn!(text = "x".repeat(100_000), "long");
        });
        let lines = lines.lock().unwrap();
        let first: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(first["@level"], "info");
        assert_eq!(first["@message"], "hello world");
        assert_eq!(first["@timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(first["attempt"], 3);
        assert!(lines[1].len() < 64 << 10);
    }

    #[test]
    fn settings_are_levels() {
        for (setting, expected) in [
            (None, LevelFilter::OFF),
            (Some("off"), LevelFilter::OFF),
            (Some("Warn"), LevelFilter::WARN),
            (Some("json"), LevelFilter::TRACE),
        ] {
            assert_eq!(level(setting), expected);
        }
    }
}
