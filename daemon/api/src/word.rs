//! Word enums: types whose values are single words in JSON, in the database and in Terraform, such as `data_owner`.
//!
//! Such a type derives its words with `strum` and its JSON with `serde`. [`words!`] gives it the names by which callers
//! ask for them, and a test that both derivations agree.

/// Gives word enums `ALL`, `as_str` and `from_word`. They derive `EnumString`, `IntoStaticStr` and `VariantArray`.
/// Invoked once in a module, with all of its word enums.
macro_rules! words {
    ($($name:ident),+ $(,)?) => {
        $(
            impl $name {
                /// Every value, in the order of their declaration.
                pub const ALL: [Self; <Self as ::strum::VariantArray>::VARIANTS.len()] =
                    *<Self as ::strum::VariantArray>::VARIANTS.first_chunk().expect("a slice has its own length");

                /// The word for it, the same in JSON, in the database and in Terraform.
                pub fn as_str(self) -> &'static str {
                    self.into()
                }

                /// The value that this is the word for.
                pub fn from_word(word: &str) -> Option<Self> {
                    word.parse().ok()
                }
            }
        )+

        #[cfg(test)]
        #[test]
        fn a_word_is_the_same_in_json_and_elsewhere() {
            $(
                for value in $name::ALL {
                    let word = value.as_str();
                    assert_eq!(serde_json::to_value(value).unwrap(), word);
                    assert_eq!(serde_json::from_value::<$name>(word.into()).unwrap(), value);
                    assert_eq!($name::from_word(word), Some(value));
                    assert_eq!($name::from_word(&word.to_uppercase()), None, "{word}");
                }
                assert_eq!($name::from_word("no such word"), None);
            )+
        }
    };
}

pub(crate) use words;
