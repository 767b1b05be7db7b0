//! Word enums: types whose values are single words in declarations, templates and ARNs, such as `public_ip`.

/// Gives a word enum `ALL`, `as_str` and `from_word`. It derives `EnumString`, `IntoStaticStr` and `VariantArray`.
macro_rules! words {
    ($name:ident) => {
        impl $name {
            /// Every value, in the order of their declaration.
            pub const ALL: [Self; <Self as ::strum::VariantArray>::VARIANTS.len()] =
                *<Self as ::strum::VariantArray>::VARIANTS.first_chunk().expect("a slice has its own length");

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// The value that this is the word for.
            pub fn from_word(word: &str) -> Option<Self> {
                word.parse().ok()
            }
        }
    };
}

pub(crate) use words;
