//! The section "Schema": attributes by who sets them, nested ones in sections of their own with the anchors that
//! readers of provider documentation know.

use std::fmt::Write as _;

use crate::docs::{DocsProblem, words};
use crate::schema::{Attribute, Kind, Modifier, Source};

/// Renders the attributes of `owner` under a heading; nothing when there are none.
pub(super) fn section(heading: &str, owner: &str, attributes: &[Attribute], problems: &mut Vec<DocsProblem>) -> String {
    if attributes.is_empty() {
        return String::new();
    }
    let depth = heading.bytes().take_while(|byte| *byte == b'#').count();
    let mut section = Section { owner, depth: depth + 1, out: format!("{heading}\n"), problems };
    section.level("", attributes, None);
    section.out.trim_end().to_owned()
}

struct Section<'a> {
    owner: &'a str,
    /// Of the headings within.
    depth: usize,
    out: String,
    problems: &'a mut Vec<DocsProblem>,
}

/// Who sets an attribute, in the order of the page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Required,
    Optional,
    ReadOnly,
}

impl Group {
    /// Within what is read only everything is, whatever a model that also serves elsewhere says.
    fn of(attribute: &Attribute, around: Option<Self>) -> Self {
        match attribute.source {
            _ if around == Some(Self::ReadOnly) => Self::ReadOnly,
            Source::Required => Self::Required,
            Source::Optional | Source::OptionalComputed => Self::Optional,
            Source::Computed => Self::ReadOnly,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Required => "Required",
            Self::Optional => "Optional",
            Self::ReadOnly => "Read-Only",
        }
    }
}

impl Section<'_> {
    /// The attributes at one path, then what is nested in them.
    fn level(&mut self, path: &str, attributes: &[Attribute], around: Option<Group>) {
        let grouped = attributes.iter().map(|attribute| (Group::of(attribute, around), attribute));
        let mut grouped: Vec<(Group, &Attribute)> = grouped.collect();
        grouped.sort_by_key(|(group, attribute)| (*group, &attribute.name));
        for members in grouped.chunk_by(|left, right| left.0 == right.0) {
            let group = members[0].0;
            let heading = group.heading();
            if path.is_empty() {
                let _ = write!(self.out, "\n{} {heading}\n\n", "#".repeat(self.depth));
            } else {
                let _ = write!(self.out, "\n{heading}:\n\n");
            }
            for (_, attribute) in members {
                let path = join(path, &attribute.name);
                if attribute.description.is_empty() {
                    let what = format!("attribute `{path}` of {}", self.owner);
                    self.problems.push(DocsProblem::NoDescription { what });
                }
                self.out.push_str(&line(attribute, group, &path));
            }
        }
        for (group, attribute) in grouped {
            let Kind::Nested(_, nested) = &attribute.kind else { continue };
            let path = join(path, &attribute.name);
            let _ = write!(self.out, "\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`\n", anchor(&path));
            self.level(&path, nested, Some(group));
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

/// One attribute: its name, its type and marks, its words.
fn line(attribute: &Attribute, group: Group, path: &str) -> String {
    let marks = [
        (attribute.sensitive, "Sensitive"),
        (attribute.write_only, "Write-only"),
        (attribute.deprecated.is_some(), "Deprecated"),
    ];
    let mut traits = words::of_kind(&attribute.kind);
    for (_, mark) in marks.iter().filter(|(applies, _)| *applies) {
        let _ = write!(traits, ", {mark}");
    }
    let mut remarks = Vec::new();
    if let Some((last, others)) = attribute.choices.split_last() {
        let others: Vec<_> = others.iter().map(|choice| format!("`{choice}`")).collect();
        remarks.push(format!("One of {} or `{last}`.", others.join(", ")));
    }
    if let Some(default) = attribute.default.as_ref().filter(|_| group != Group::ReadOnly) {
        remarks.push(format!("Default: `{}`.", words::of_value(default)));
    }
    let replaces =
        |modifier: &Modifier| matches!(modifier, Modifier::RequiresReplace | Modifier::RequiresReplaceIfConfigured);
    if group != Group::ReadOnly && attribute.modifiers.iter().any(replaces) {
        remarks.push("Changing it forces replacement.".to_owned());
    }
    if let Some(instead) = &attribute.deprecated {
        remarks.push(format!("**Deprecated:** {instead}"));
    }
    if matches!(attribute.kind, Kind::Nested(..)) {
        remarks.push(format!("(see [below for nested schema](#{}))", anchor(path)));
    }
    // After several paragraphs the last may be a list or code, which remarks must not run into.
    let gap = if attribute.description.contains("\n\n") { "\n\n" } else { " " };
    let mut text = attribute.description.clone();
    if !remarks.is_empty() {
        text = format!("{text}{gap}{}", remarks.join(" "));
    }
    format!("- `{}` ({traits}) {}\n", attribute.name, indented(&text))
}

/// Lines after the first belong to the same item.
pub(super) fn indented(text: &str) -> String {
    let lines = text.lines().enumerate().map(|(index, line)| match (index, line) {
        (0, line) => line.to_owned(),
        (_, "") => "\n".to_owned(),
        (_, line) => format!("\n  {line}"),
    });
    lines.collect()
}
