//! What a node says went wrong, made fit for a person's terminal: a node may say anything, and at any length.

/// How much of it is kept, in characters.
const LENGTH: usize = 1_000;

/// The text in one line, with control characters written out and the end cut off.
pub(super) fn readable(said: &str) -> String {
    let mut text = String::new();
    for (count, character) in said.chars().enumerate() {
        if count == LENGTH {
            text.push('…');
            break;
        }
        match character {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => text.push(' '),
            _ if controls_display(character) => text.extend(character.escape_unicode()),
            _ => text.push(character),
        }
    }
    text
}

/// Whether it controls a terminal, or the direction in which text is shown (Unicode Standard Annex #9).
fn controls_display(character: char) -> bool {
    let sets_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    sets_direction || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_plain_fault_stays_as_it_is() {
        for text in ["", "service query: reload failed: exit status 1", "größer als – 東京"] {
            assert_eq!(readable(text), text);
        }
    }

    #[test]
    fn control_characters_are_written_out_and_lines_are_joined() {
        assert_eq!(readable("red \u{1b}[31m\r\nnext\tcolumn\u{7f}"), "red \\u{1b}[31m  next column\\u{7f}");
        assert_eq!(readable("\u{9b}2J\u{202e}gnp\u{61c}"), "\\u{9b}2J\\u{202e}gnp\\u{61c}");
        assert_eq!(readable("one\u{2028}two\u{2029}three"), "one two three");
    }

    #[test]
    fn a_long_fault_is_cut() {
        let cut = readable(&"ä".repeat(250_000));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (1_001, true));
        assert_eq!(readable(&"x".repeat(1_000)), "x".repeat(1_000));
    }
}
