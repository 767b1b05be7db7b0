//! The form of texts that Terraform keeps.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The text in NFC.
pub(crate) fn normalized(text: String) -> String {
    if is_nfc(&text) { text } else { text.nfc().collect() }
}
