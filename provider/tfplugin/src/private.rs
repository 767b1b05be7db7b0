//! Private state: small JSON values that travel beside the state, unseen by users.
//!
//! Terraform stores the bytes as they are, so they carry a version. Bytes of an unknown version read as empty.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// The private state of one resource.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Private {
    version: u32,
    values: BTreeMap<String, serde_json::Value>,
}

impl Private {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).ok().filter(|private: &Self| private.version == VERSION).unwrap_or_default()
    }

    /// Empty bytes when there is nothing to keep.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if self.values.is_empty() {
            return Vec::new();
        }
        let current = serde_json::json!({ "version": VERSION, "values": self.values });
        current.to_string().into_bytes()
    }

    pub(crate) fn find<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.values.get(key).and_then(|value| T::deserialize(value).ok())
    }

    /// A value that has no JSON form is dropped, as if it had never been put.
    pub(crate) fn put<T: Serialize>(&mut self, key: &str, value: &T) {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.values.insert(key.to_owned(), value);
            }
            Err(error) => tracing::error!(key, %error, "private value has no JSON form"),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_bytes() {
        let mut private = Private::default();
        assert!(private.to_bytes().is_empty());
        private.put("attempt", &7);
        let read = Private::from_bytes(&private.to_bytes());
        assert_eq!(read.find::<i64>("attempt"), Some(7));
    }

    #[test]
    fn foreign_bytes_read_as_empty() {
        assert!(Private::from_bytes(b"\x00junk").to_bytes().is_empty());
        assert!(Private::from_bytes(br#"{"version":9,"values":{"a":1}}"#).to_bytes().is_empty());
    }
}
