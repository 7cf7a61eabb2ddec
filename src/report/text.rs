//! Numbers and foreign text made fit for a terminal.

/// Escapes what could repaint a terminal or reorder a line: control characters and Unicode's direction marks.
pub fn clean(text: &str) -> String {
    escape(text, false)
}

/// Does the same, but keeps line breaks.
pub fn clean_lines(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, keep_lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if (letter == '\n' && keep_lines) || !is_unsafe(letter) {
            out.push(letter);
        } else {
            out.extend(letter.escape_unicode());
        }
    }
    out
}

fn is_unsafe(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Keeps the colours of a script's output and drops every other escape sequence and control character.
pub fn without_cursor_moves(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let colour = rest.strip_prefix("\x1b[").and_then(|tail| {
            let end = tail.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
            tail[end..].starts_with('m').then_some(2 + end + 1)
        });
        if let Some(length) = colour {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if letter == '\t' || !is_unsafe(letter) {
            out.push(letter);
        }
        rest = &rest[letter.len_utf8()..];
    }
    out
}

/// Returns `1 package`, `2 packages`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns a time as `0.82ms` below ten milliseconds and `1234ms` above.
pub fn milliseconds(time_ms: f64) -> String {
    if time_ms < 10.0 { format!("{time_ms:.2}ms") } else { format!("{time_ms:.0}ms") }
}

/// Returns a size in the decimal units that networks and disks are sold in.
pub fn bytes(bytes: u64) -> String {
    let exact = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", exact / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", exact / 1e6),
        _ => format!("{:.2} GB", exact / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, clean, clean_lines, milliseconds, without_cursor_moves};

    #[test]
    fn foreign_text_cannot_repaint_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}d");
        assert_eq!(clean_lines("a\nb\r"), "a\nb\\u{d}");
        assert_eq!(without_cursor_moves("\x1b[1;31mred\x1b[0m\x1b[2J\x07 end"), "\x1b[1;31mred\x1b[0m[2J end");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!((milliseconds(0.824), milliseconds(1234.4)), ("0.82ms".to_owned(), "1234ms".to_owned()));
        assert_eq!((bytes(999), bytes(1_500), bytes(86_400_000)), ("999 B".to_owned(), "1.5 kB".to_owned(), "86.4 MB".to_owned()));
    }
}
