//! How much a detail says: what a caller sent is repeated in part, however long it was.

/// The most characters of a word, or between quotes or backticks. What callers sent stands there.
const PART: usize = 200;
/// The most characters of a detail.
const WHOLE: usize = 1_000;

/// The detail with its long parts cut.
pub(super) fn shortened(detail: &str) -> String {
    let (mut short, mut written) = (String::new(), 0);
    // The mark that closes what is quoted, and the length of the part so far.
    let (mut closing, mut length) = (None, 0);
    for character in detail.chars() {
        if written == WHOLE {
            short.push('…');
            break;
        }
        match closing {
            Some(mark) if mark == character => (closing, length) = (None, 0),
            None if matches!(character, '"' | '`') => (closing, length) = (Some(character), 0),
            None if character.is_whitespace() => length = 0,
            _ => length += 1,
        }
        if length <= PART + 1 {
            short.push(if length <= PART { character } else { '…' });
            written += 1;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn what_is_short_stays_as_it_is() {
        let prose =
            "service query names the node group gpu, which is neither `head` nor a declared worker group; ".repeat(9);
        let name = format!("project name {:?} is not valid: its length is 200", "ä".repeat(200));
        for detail in ["", "there is no node workers-0", &prose, &name] {
            assert_eq!(shortened(detail), detail);
        }
    }

    #[test]
    fn a_long_word_and_a_long_quotation_are_cut() {
        let (long, cut) = ("ä".repeat(5_000), format!("{}…", "ä".repeat(200)));
        let spaced = "a b ".repeat(2_000);
        let cases = [
            (format!("there is no node {long}"), format!("there is no node {cut}")),
            (format!("unknown field `{long}`, expected `a`"), format!("unknown field `{cut}`, expected `a`")),
            (format!("user name {long:?} is not valid: {long}: x"), format!("user name {cut:?} is not valid: {cut} x")),
            (format!("string {spaced:?}, expected u32"), format!("string \"{}…\", expected u32", "a b ".repeat(50))),
        ];
        for (detail, expected) in cases {
            let short = shortened(&detail);
            assert_eq!(short, expected);
            assert_eq!(shortened(&short), short, "what is cut stays as it is");
        }
    }

    #[test]
    fn the_whole_is_cut_too() {
        for detail in ["ä ".repeat(5_000), "\"".repeat(5_000)] {
            let short = shortened(&detail);
            assert_eq!((short.chars().count(), short.ends_with('…')), (1_001, true));
            assert_eq!(shortened(&short), short);
        }
    }
}
