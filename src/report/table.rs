//! Rows in columns, no wider than a terminal is for sure.

use super::text::clean;

/// The widest line, in characters.
const WIDTH: usize = 80;
/// What stands between two columns.
const GAP: &str = "  ";
/// The last column is not made narrower than this, whatever the others take.
const LAST_MIN: usize = 16;

/// To which side the cells of a column are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Lays rows out in columns, one line each. The last column gets what the others leave of the width; what is longer is
/// shortened in its middle, for the ends of a path tell more. Foreign text is cleaned.
pub fn table(sides: &[Side], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..sides.len()).map(width).collect();
    if let Some((last, others)) = widths.split_last_mut() {
        let taken: usize = others.iter().map(|width| width + GAP.len()).sum();
        *last = (*last).min(WIDTH.saturating_sub(taken).max(LAST_MIN));
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(sides).zip(&widths).map(|((cell, side), width)| aligned(&shortened(cell, *width), *side, *width));
        cells.collect::<Vec<String>>().join(GAP).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Fills a text up to a width. Formatting counts characters, as it should here.
fn aligned(text: &str, side: Side, width: usize) -> String {
    match side {
        Side::Left => format!("{text:<width$}"),
        Side::Right => format!("{text:>width$}"),
    }
}

/// Shortens a text in its middle until it has no more characters than `width`.
pub fn shortened(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let tail = kept.div_ceil(2);
    let start: String = text.chars().take(kept - tail).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::{Side, WIDTH, shortened, table};

    #[test]
    fn columns_are_aligned_and_long_paths_keep_their_ends() {
        let row = |size: &str, path: &str| vec![size.to_owned(), path.to_owned()];
        let long = format!("/home/{}/project", "x".repeat(100));
        let lines = table(&[Side::Right, Side::Left], &[row("TOTAL", "PROJECT"), row("1.2 MB", "/a"), row("7 B", &long)]);
        assert_eq!(lines[..2], [" TOTAL  PROJECT", "1.2 MB  /a"]);
        assert!(lines[2].starts_with("   7 B  /home/xx") && lines[2].ends_with("xx/project"), "{}", lines[2]);
        assert_eq!(lines[2].chars().count(), WIDTH);
    }

    #[test]
    fn nothing_foreign_repaints_the_terminal() {
        assert_eq!(table(&[Side::Left], &[vec!["a\x1b[2J".to_owned()]]), ["a\\u{1b}[2J"]);
    }

    #[test]
    fn letters_are_not_cut() {
        assert_eq!(shortened("äöüßäöüß", 5), "äö…üß");
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!((shortened("abc", 1), shortened("abc", 0)), ("…".to_owned(), "…".to_owned()));
    }
}
