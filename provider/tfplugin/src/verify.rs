//! What an author's result must obey, checked before Terraform does, in words that name the attribute.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::value::{Dynamic, Type};

/// An error for every unknown in a state that was to be complete.
pub(crate) fn complete(state: &Dynamic, of: &Type, operation: &str) -> Diagnostics {
    let mut unknown = Vec::new();
    find_unknown(state, of, &Path::root(), &mut unknown);
    unknown
        .into_iter()
        .map(|path| {
            Diagnostic::error("Provider left a value unknown")
                .detail(format!(
                    "After {operation}, `{path}` is still unknown. The provider must set every computed attribute. \
                     This is a defect of the provider."
                ))
                .at(path)
        })
        .collect()
}

fn find_unknown(value: &Dynamic, of: &Type, path: &Path, found: &mut Vec<Path>) {
    match value {
        Dynamic::Unknown => found.push(path.clone()),
        Dynamic::List(elements) => {
            let inner = element_type(of);
            for (index, element) in elements.iter().enumerate() {
                find_unknown(element, inner, &path.clone().index(index), found);
            }
        }
        // Elements of a set have no address: one message for all of them.
        Dynamic::Set(elements) if !elements.iter().all(Dynamic::is_wholly_known) => found.push(path.clone()),
        Dynamic::Map(fields) => {
            for (name, value) in fields {
                let (path, inner) = match of {
                    Type::Object(attributes) => {
                        (path.clone().attr(name), attributes.get(name).unwrap_or(&Type::Dynamic))
                    }
                    _ => (path.clone().key(name), element_type(of)),
                };
                find_unknown(value, inner, &path, found);
            }
        }
        Dynamic::Typed(typed) => find_unknown(&typed.1, &typed.0, path, found),
        _ => {}
    }
}

fn element_type(of: &Type) -> &Type {
    match of {
        Type::List(element) | Type::Set(element) | Type::Map(element) => element,
        _ => &Type::Dynamic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_is_named_where_it_is() {
        let of = Type::Object([("m".to_owned(), Type::Map(Box::new(Type::List(Box::new(Type::String)))))].into());
        let inner = Dynamic::Map([("k".to_owned(), Dynamic::List(vec![Dynamic::Unknown]))].into());
        let state = Dynamic::Map([("m".to_owned(), inner)].into());
        let found = complete(&state, &of, "create");
        let paths: Vec<_> = found.iter().map(|diagnostic| diagnostic.path().to_string()).collect();
        assert_eq!(paths, [r#"m["k"][0]"#]);
    }
}
