//! Filling placeholders. What is filled in is not looked at again, so examples may hold any braces.

use std::collections::BTreeMap;

/// Fills `{{word}}`s. A word without a value is the error.
pub(super) fn fill(template: &str, values: &BTreeMap<&str, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, (word, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        let value = values.get(word.trim()).ok_or_else(|| word.trim().to_owned())?;
        out.push_str(before);
        out.push_str(value);
        // A section that is not there leaves no gap.
        rest = if value.is_empty() && before.ends_with('\n') { after.trim_start_matches('\n') } else { after };
    }
    out.push_str(rest);
    Ok(out.trim_end().to_owned() + "\n")
}
