//! A list at the terminal from which a person chooses: arrows move, the space bar marks, Return is the end.
//!
//! It is drawn below the cursor and gone when it is answered. Only as many rows are shown as the terminal has lines for.

use super::table::shortened;
use super::text::clean;
use super::{ADDED, QUIET, STRONG};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, Stdin, Write};

/// The size of a terminal that does not tell its own.
const SIZE: (usize, usize) = (80, 24);
/// Lines that are no rows: the title, the keys, and one to spare.
const AROUND: usize = 3;
const KEYS: &str = "space marks, a marks all, return is the end, q leaves everything as it is";

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Up,
    Down,
    Mark,
    MarkAll,
    Done,
    Leave,
}

/// A list that is being chosen from.
struct Menu<'a> {
    rows: &'a [String],
    marked: Vec<bool>,
    at: usize,
}

/// Has a person choose from rows. Returns the indices of those that were marked; nothing when the list was left.
pub(super) fn choose(title: &str, rows: &[String]) -> io::Result<Option<Vec<usize>>> {
    let keyboard = Keyboard::open()?;
    let mut menu = Menu { rows, marked: vec![false; rows.len()], at: 0 };
    let mut drawn = 0;
    let answer = loop {
        let lines = menu.lines(title, size());
        redraw(drawn, &lines)?;
        drawn = lines.len();
        let keys = keyboard.read()?;
        if let Some(end) = keys.into_iter().find(|key| menu.press(*key)) {
            break end;
        }
    };
    redraw(drawn, &[])?;
    let marked = menu.marked.iter().enumerate().filter(|(_, marked)| **marked).map(|(index, _)| index);
    Ok((answer == Key::Done).then(|| marked.collect()))
}

impl Menu<'_> {
    /// Does what a key asks for. Says whether that is the end.
    fn press(&mut self, key: Key) -> bool {
        let last = self.rows.len().saturating_sub(1);
        match key {
            Key::Up => self.at = self.at.checked_sub(1).unwrap_or(last),
            Key::Down => self.at = if self.at == last { 0 } else { self.at + 1 },
            Key::Mark => self.marked.iter_mut().skip(self.at).take(1).for_each(|marked| *marked = !*marked),
            Key::MarkAll => {
                let is_one_left = self.marked.contains(&false);
                self.marked.fill(is_one_left);
            }
            Key::Done | Key::Leave => return true,
        }
        false
    }

    /// Returns what stands on the terminal.
    fn lines(&self, title: &str, (width, height): (usize, usize)) -> Vec<String> {
        let shown = height.saturating_sub(AROUND).max(1).min(self.rows.len());
        // The row at hand stands in the middle, as far as that goes.
        let first = self.at.saturating_sub(shown / 2).min(self.rows.len() - shown);
        let row = |index: usize| {
            let text = shortened(&clean(&self.rows[index]), width.saturating_sub(5));
            let sign = if self.marked[index] { format!("{ADDED}●{ADDED:#}") } else { "○".to_owned() };
            if index == self.at { format!("> {sign} {STRONG}{text}{STRONG:#}") } else { format!("  {sign} {text}") }
        };
        let title = format!("{STRONG}{}{STRONG:#}", shortened(title, width));
        let keys = format!("{QUIET}{}{QUIET:#}", shortened(KEYS, width));
        std::iter::once(title).chain((first..first + shown).map(row)).chain([keys]).collect()
    }
}

/// Puts lines in the place of those that were drawn last.
fn redraw(before: usize, lines: &[String]) -> io::Result<()> {
    let mut out = anstream::stderr().lock();
    if before > 0 {
        write!(out, "\x1b[{before}A\r\x1b[J")?;
    }
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()
}

fn size() -> (usize, usize) {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (usize::from(size.ws_col), usize::from(size.ws_row)),
        _ => SIZE,
    }
}

/// A terminal that passes on each key at once, until this is dropped.
struct Keyboard {
    stdin: Stdin,
    before: Termios,
}

impl Keyboard {
    fn open() -> io::Result<Keyboard> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut modes = before.clone();
        // Without signals: Ctrl-C would end the program before the terminal is as it was.
        modes.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&stdin, OptionalActions::Now, &modes)?;
        Ok(Keyboard { stdin, before })
    }

    /// Waits for keys. A terminal that is gone has left the list.
    fn read(&self) -> io::Result<Vec<Key>> {
        let mut bytes = [0; 64];
        loop {
            match rustix::io::read(&self.stdin, &mut bytes) {
                Ok(0) => return Ok(vec![Key::Leave]),
                Ok(length) => return Ok(keys(&bytes[..length])),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // Where that fails there is no terminal any more.
        let _ = tcsetattr(&self.stdin, OptionalActions::Now, &self.before);
    }
}

/// Reads what a terminal sends for keys. What means nothing here is passed over.
fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        let (key, length) = match (first, rest) {
            (0x1b, [b'[' | b'O', b'A', ..]) => (Some(Key::Up), 3),
            (0x1b, [b'[' | b'O', b'B', ..]) => (Some(Key::Down), 3),
            (0x1b, [b'[' | b'O', ..]) => (None, 3.min(bytes.len())),
            (b'k', _) => (Some(Key::Up), 1),
            (b'j', _) => (Some(Key::Down), 1),
            (b' ', _) => (Some(Key::Mark), 1),
            (b'a', _) => (Some(Key::MarkAll), 1),
            (b'\r' | b'\n', _) => (Some(Key::Done), 1),
            // Escape alone, Ctrl-C and Ctrl-D.
            (b'q' | 0x1b | 0x03 | 0x04, _) => (Some(Key::Leave), 1),
            _ => (None, 1),
        };
        keys.extend(key);
        bytes = &bytes[length..];
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::{Key, Menu, keys};

    fn shown(menu: &Menu<'_>, height: usize) -> Vec<String> {
        menu.lines("Which?", (20, height)).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn rows_are_marked_and_the_one_at_hand_is_in_sight() {
        let rows: Vec<String> = (0..9).map(|number| format!("row {number}")).collect();
        let mut menu = Menu { rows: &rows, marked: vec![false; rows.len()], at: 0 };
        for key in [Key::Mark, Key::Up, Key::Mark, Key::Up] {
            assert!(!menu.press(key));
        }
        let want = ["Which?", "  ○ row 6", "> ○ row 7", "  ● row 8", "space mar…it is"];
        let seen = shown(&menu, 6);
        assert_eq!(seen[..4], want[..4]);
        assert_eq!(seen[4].chars().count(), 20, "nothing is wider than the terminal: {}", seen[4]);
        assert_eq!(shown(&menu, 100).len(), 11);
        assert!(!menu.press(Key::MarkAll));
        assert!(menu.marked.iter().all(|marked| *marked));
        assert!(!menu.press(Key::MarkAll) && !menu.press(Key::Down) && !menu.press(Key::Down));
        assert_eq!((menu.marked.contains(&true), menu.at), (false, 0));
        assert!(menu.press(Key::Done) && menu.press(Key::Leave));
    }

    #[test]
    fn keys_are_read_however_the_terminal_sends_them() {
        assert_eq!(keys(b"\x1b[A\x1bOBjk a\r"), [Key::Up, Key::Down, Key::Down, Key::Up, Key::Mark, Key::MarkAll, Key::Done]);
        assert_eq!(keys(b"\x1b[Cx\x1b"), [Key::Leave]);
        assert_eq!(keys(b"\x03q\n"), [Key::Leave, Key::Leave, Key::Done]);
        assert_eq!(keys(b"\x1b["), []);
    }
}
