//! The sections of a function: signature, arguments, return type.

use std::fmt::Write as _;

use crate::docs::attributes::indented;
use crate::docs::{DocsProblem, words};
use crate::function::Signature;

/// Renders the sections.
pub(super) fn section(name: &str, owner: &str, function: &Signature, problems: &mut Vec<DocsProblem>) -> String {
    let returns = words::of_type(&function.returns);
    let parameters = function.parameters.iter().map(|parameter| {
        let dots = if parameter.variadic { "..." } else { "" };
        format!("{} {}{dots}", parameter.name, words::of_type(&parameter.wanted).to_lowercase())
    });
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let mut out = format!("## Signature\n\n```text\n{name}({parameters}) {}\n```\n", returns.to_lowercase());
    if !function.parameters.is_empty() {
        out.push_str("\n## Arguments\n\n");
    }
    for (parameter, position) in function.parameters.iter().zip(1..) {
        if parameter.description.is_empty() {
            let what = format!("argument `{}` of {owner}", parameter.name);
            problems.push(DocsProblem::NoDescription { what });
        }
        let variadic = if parameter.variadic { "Variadic, " } else { "" };
        let nullable = if parameter.nullable { ", Nullable" } else { "" };
        let _ = writeln!(
            out,
            "{position}. `{}` ({variadic}{}{nullable}) {}",
            parameter.name,
            words::of_type(&parameter.wanted),
            indented(parameter.description)
        );
    }
    let _ = write!(out, "\n## Return Type\n\n{returns}");
    out
}
