//! The first index of a store, put together without SQLite.
//!
//! To have SQLite make the tables of an empty index takes as long as to unpack three small packages. What comes of it is
//! always the same: a page that lists the tables, and an empty page for each of them and of the indexes that go with
//! them. The form is that of SQLite's "Database File Format", sections 1.3 (header), 1.6 (pages), 2.1 (records) and 2.6
//! (list of tables); numbers are big-endian. A test holds the outcome against what SQLite makes of the same migrations.

/// The first bytes of a database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long the header is; the first page follows it.
const HEADER_BYTES: usize = 100;
/// A page with the rows of a table that has row numbers.
const TABLE_LEAF: u8 = 0x0d;
/// A page with the rows of an index, or of a table without row numbers.
const INDEX_LEAF: u8 = 0x0a;
/// The first page is the list's, and the number of the last has one byte.
const ROOTS_MAX: usize = 126;
/// The table in which a boot is noted.
const BOOTS: &str = "boots";

/// What a database is like.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// The bytes of a page.
    pub page_bytes: u32,
    /// Whether changes go to a log first.
    pub has_log: bool,
    /// The version of the tables.
    pub version: u32,
}

/// Something that starts at a page of its own.
struct Root {
    table: String,
    /// The statement that makes a table; none for an index that SQLite makes by itself.
    sql: Option<String>,
    leaf: u8,
}

/// Returns the bytes of an index in which nothing is but the boot that it was made in. Nothing where migrations do more
/// than is understood here.
pub(super) fn image(migrations: &[&str], form: Form, boot: Option<&str>) -> Option<Vec<u8>> {
    let roots = roots(migrations)?;
    let page_bytes = usize::try_from(form.page_bytes).ok()?;
    let mut image = vec![0; page_bytes * (1 + roots.len())];
    put_header(&mut image, form, &roots);
    let mut list = Leaf::new(&mut image[..page_bytes], HEADER_BYTES, TABLE_LEAF);
    let mut indexes = 0;
    for (at, root) in (1..).zip(&roots) {
        indexes = if root.sql.is_some() { 0 } else { indexes + 1 };
        let name = if root.sql.is_some() { root.table.clone() } else { format!("sqlite_autoindex_{}_{indexes}", root.table) };
        let kind = if root.sql.is_some() { "table" } else { "index" };
        let sql = root.sql.as_deref().map_or(Value::Null, Value::Text);
        let row = record(&[Value::Text(kind), Value::Text(&name), Value::Text(&root.table), Value::Small(1 + at), sql]);
        list.push(&[varint(row.len()), varint(at.into()), row].concat())?;
    }
    for (page, root) in image.chunks_exact_mut(page_bytes).skip(1).zip(&roots) {
        let mut leaf = Leaf::new(page, 0, root.leaf);
        if let Some(boot) = boot.filter(|_| root.table == BOOTS) {
            let row = record(&[Value::Text(boot)]);
            leaf.push(&[varint(row.len()), row].concat())?;
        }
    }
    Some(image)
}

/// Reads the migrations: tables that are made, and columns that are added to them.
fn roots(migrations: &[&str]) -> Option<Vec<Root>> {
    let mut roots: Vec<Root> = Vec::new();
    for statement in migrations.iter().flat_map(|text| text.split(';')) {
        let remarks: usize =
            statement.split_inclusive('\n').take_while(|line| line.trim().is_empty() || line.starts_with("--")).map(str::len).sum();
        let statement = &statement[remarks..];
        if let Some(rest) = statement.strip_prefix("CREATE TABLE ") {
            let table = rest.split_once(' ')?.0.to_owned();
            let has_numbers = !statement.ends_with(") WITHOUT ROWID");
            // A key of another kind has an index too, as has what is unique where there are no numbers.
            let keys = if has_numbers { " INTEGER PRIMARY KEY" } else { " PRIMARY KEY" };
            let is_plain = statement.matches("PRIMARY KEY").count() == statement.matches(keys).count()
                && !statement.contains("AUTOINCREMENT")
                && (has_numbers || !statement.contains("UNIQUE"));
            if !is_plain || (has_numbers && !statement.ends_with(')')) {
                return None;
            }
            let indexes = if has_numbers { statement.matches(" UNIQUE").count() } else { 0 };
            let leaf = if has_numbers { TABLE_LEAF } else { INDEX_LEAF };
            roots.push(Root { table: table.clone(), sql: Some(statement.to_owned()), leaf });
            roots.extend((0..indexes).map(|_| Root { table: table.clone(), sql: None, leaf: INDEX_LEAF }));
        } else if let Some(rest) = statement.strip_prefix("ALTER TABLE ") {
            let (table, column) = rest.split_once(" ADD COLUMN ")?;
            let sql = roots.iter_mut().find(|root| root.table == table)?.sql.as_mut()?;
            sql.insert_str(sql.rfind(')')?, &format!(", {column}"));
        } else if !statement.is_empty() {
            return None;
        }
    }
    (roots.len() <= ROOTS_MAX).then_some(roots)
}

fn put_header(image: &mut [u8], form: Form, roots: &[Root]) {
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    let log = if form.has_log { 2 } else { 1 };
    put(0, MAGIC);
    // The largest page of all, 65,536 bytes, is written as 1.
    put(16, &u16::try_from(form.page_bytes).unwrap_or(1).to_be_bytes());
    // Versions for writing and reading, no bytes left free, and three shares that are fixed.
    put(18, &[log, log, 0, 64, 32, 32]);
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    // It was changed once, and the number of pages holds since then.
    put(24, &number(1));
    put(28, &number(1 + roots.len()));
    put(92, &number(1));
    // SQLite counts changes of the tables, and this is the first.
    put(40, &number(1));
    // The fourth version of the form of rows, UTF-8, and the version of the tables.
    put(44, &number(4));
    put(56, &number(1));
    put(60, &form.version.to_be_bytes());
}

/// A page with rows, which are in the order of their keys. They lie at its end, and what leads to them at its start.
struct Leaf<'a> {
    page: &'a mut [u8],
    /// Where its own header stands.
    header: usize,
    rows: usize,
    /// Where the last row starts.
    end: usize,
}

/// The header of a page of rows.
const LEAF_BYTES: usize = 8;

impl<'a> Leaf<'a> {
    fn new(page: &'a mut [u8], header: usize, kind: u8) -> Leaf<'a> {
        page[header] = kind;
        let end = page.len();
        let mut leaf = Leaf { page, header, rows: 0, end };
        leaf.tell();
        leaf
    }

    /// Adds a row; nothing when there is no room.
    fn push(&mut self, row: &[u8]) -> Option<()> {
        let pointer = self.header + LEAF_BYTES + 2 * self.rows;
        let at = self.end.checked_sub(row.len()).filter(|at| *at >= pointer + 2)?;
        self.page[at..self.end].copy_from_slice(row);
        self.page[pointer..pointer + 2].copy_from_slice(&short(at));
        (self.rows, self.end) = (self.rows + 1, at);
        self.tell();
        Some(())
    }

    fn tell(&mut self) {
        self.page[self.header + 3..self.header + 5].copy_from_slice(&short(self.rows));
        self.page[self.header + 5..self.header + 7].copy_from_slice(&short(self.end));
    }
}

/// A value in a row.
enum Value<'a> {
    Null,
    /// From 2 to 127; the smaller ones have a form of their own.
    Small(u8),
    Text(&'a str),
}

/// Encodes a row: the kinds of its values, and then the values.
fn record(values: &[Value<'_>]) -> Vec<u8> {
    let kind = |value: &Value<'_>| match value {
        Value::Null => varint(0),
        Value::Small(_) => varint(1),
        Value::Text(text) => varint(13 + 2 * text.len()),
    };
    let kinds: Vec<u8> = values.iter().flat_map(kind).collect();
    let mut record = varint(kinds.len() + 1);
    record.extend(kinds);
    for value in values {
        match value {
            Value::Null => {}
            Value::Small(small) => record.push(*small),
            Value::Text(text) => record.extend(text.as_bytes()),
        }
    }
    record
}

/// Encodes a number in groups of seven bits, the highest first; all but the last have the eighth bit.
fn varint(number: usize) -> Vec<u8> {
    let groups = (0..9).rev().skip_while(|group| *group > 0 && number >> (7 * group) == 0);
    groups.map(|group| (number >> (7 * group)) as u8 & 0x7f | if group > 0 { 0x80 } else { 0 }).collect()
}

/// A place in a page, or a number of rows. The end of the largest page is written as 0.
fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(0).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Form, image};
    use crate::store::schema;
    use rusqlite::{Connection, MAIN_DB};

    /// What SQLite makes of migrations.
    fn by_sqlite(migrations: &[&str], boot: &str) -> Vec<u8> {
        let mut connection = Connection::open_in_memory().expect("a database");
        connection.pragma_update(None, "page_size", 16_384).expect("a page size");
        let insert = format!("INSERT INTO boots (id) VALUES ('{boot}')");
        let version = format!("PRAGMA user_version = {}", schema::VERSION);
        let all = [&["BEGIN"], migrations, &[&insert, &version, "COMMIT"]].concat();
        connection.execute_batch(&all.join(";\n")).expect("statements");
        connection.serialize(MAIN_DB).expect("bytes").to_vec()
    }

    fn form() -> Form {
        Form { page_bytes: 16_384, has_log: false, version: u32::try_from(schema::VERSION).expect("a small number") }
    }

    #[test]
    fn is_what_sqlite_makes() {
        let boot = "0f3c5f0e-0000-4000-8000-000000000000";
        let drawn = image(&schema::MIGRATIONS, form(), Some(boot)).expect("migrations that are understood");
        let mut made = by_sqlite(&schema::MIGRATIONS, boot);
        assert_eq!(drawn.len(), made.len());
        // How often it was changed, how often its tables were, and by which SQLite: that is not told from the content.
        for counted in [24..28, 40..44, 92..100] {
            made[counted.clone()].copy_from_slice(&drawn[counted]);
        }
        // SQLite lets bytes lie that it has moved away from; which bytes count, it says itself.
        let content = |bytes: &[u8]| {
            let mut connection = Connection::open_in_memory().expect("a database");
            connection.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), false).expect("a database");
            connection.execute_batch("VACUUM").expect("a database that can be written anew");
            connection.serialize(MAIN_DB).expect("bytes").to_vec()
        };
        assert!(content(&drawn) == content(&made));
        let sound: String = {
            let mut connection = Connection::open_in_memory().expect("a database");
            connection.deserialize_read_exact(MAIN_DB, &drawn[..], drawn.len(), false).expect("a database");
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer")
        };
        assert_eq!(sound, "ok");
        assert_eq!(drawn[..24], made[..24]);
        assert_eq!(drawn[28..40], made[28..40]);
        assert_eq!(drawn[44..92], made[44..92]);
    }

    #[test]
    fn what_is_not_understood_is_left_to_sqlite() {
        for other in [
            "CREATE INDEX x ON trees (body);",
            "DROP TABLE trees;",
            "ALTER TABLE trees RENAME TO woods;",
            "CREATE TABLE",
            "CREATE TABLE x (a TEXT, -- cut off; here\n b TEXT);",
            "CREATE TABLE x (a TEXT PRIMARY KEY);",
            "CREATE TABLE x (a INTEGER PRIMARY KEY AUTOINCREMENT);",
            "CREATE TABLE x (a TEXT PRIMARY KEY, b TEXT UNIQUE) WITHOUT ROWID;",
        ] {
            assert!(image(&[schema::MIGRATIONS[0], other], form(), None).is_none(), "{other}");
        }
        assert!(image(&[schema::MIGRATIONS[0], "-- Nothing.\n"], form(), None).is_some());
    }
}
