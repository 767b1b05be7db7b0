//! Private values: JSON that Terraform carries for us, unseen by users.
//!
//! Terraform hands the bytes back as they were, so they carry a version. Beside a state they are many small values, and
//! bytes of an unknown version read as empty: they are only hints. Of an ephemeral resource they are one value, without
//! which it cannot be closed: what does not read is an error. Such a value may be secret, so no error shows it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Result};

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

/// The private value of an ephemeral resource, with its version.
#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    version: u32,
    value: T,
}

/// Writes the private value of an ephemeral resource.
pub(crate) fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(&Sealed { version: VERSION, value }).map_err(|_| {
        Diagnostic::error("The private value has no JSON form").detail("This is a defect of the provider.").into()
    })
}

/// Reads the private value of an ephemeral resource.
pub(crate) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // What serde says of an error may quote the value.
    let sealed: Option<Sealed<T>> = serde_json::from_slice(bytes).ok();
    sealed.filter(|sealed| sealed.version == VERSION).map(|sealed| sealed.value).ok_or_else(|| {
        Diagnostic::error("The private value cannot be read")
            .detail(
                "Terraform sent back something that this version of the provider did not write. What was opened may \
                 still be open.",
            )
            .into()
    })
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
    fn a_sealed_value_reads_as_what_it_was() {
        let sealed = seal(&("token", 7)).unwrap();
        assert_eq!(unseal::<(String, i64)>(&sealed), Ok(("token".to_owned(), 7)));
        assert_eq!(unseal::<()>(&seal(&()).unwrap()), Ok(()));
    }

    #[test]
    fn foreign_bytes_are_no_sealed_value_and_the_error_does_not_quote_them() {
        for bytes in [&b""[..], b"null", br#"{"version":1,"value":"secret"}"#, br#"{"version":9,"value":7}"#] {
            let error = unseal::<i64>(bytes).unwrap_err().to_string();
            assert!(error.starts_with("The private value cannot be read") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn foreign_bytes_read_as_empty() {
        assert!(Private::from_bytes(b"\x00junk").to_bytes().is_empty());
        assert!(Private::from_bytes(br#"{"version":9,"values":{"a":1}}"#).to_bytes().is_empty());
    }
}
