-- What was imported, and for whom. Every row here can be made again from the package records and the objects.

-- One row per distinct tree: equal packages share it.
CREATE TABLE trees (
    number INTEGER PRIMARY KEY,
    -- BLAKE3 of `body`, 32 bytes.
    id     BLOB NOT NULL UNIQUE,
    -- The encoding of the tree, see store-format.md, "Tree".
    body   BLOB NOT NULL,
    -- The epoch, and inode and mtime of each entry's object, see store-format.md, "Marks".
    marks  BLOB NOT NULL
);

-- One row per package: which tree an integrity stands for.
CREATE TABLE packages (
    -- The text of an integrity, or the identity of another source.
    key     TEXT NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    facts   BLOB NOT NULL,
    tree    INTEGER NOT NULL REFERENCES trees (number),
    -- When the row was written, in seconds since 1970: for the grace period of a gc, never to decide trust.
    added_s INTEGER NOT NULL,
    -- First 16 bytes of BLAKE3 over the identity, the facts and the tree's id: a flipped byte in a row is noticed.
    seal    BLOB NOT NULL
) WITHOUT ROWID;

-- The boots in which this index was found to be whole, or made. What an earlier boot wrote without a
-- synchronisation may have been lost with it, so the first to open the index in a new boot looks through it.
CREATE TABLE boots (
    id TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- The projects that were installed from this store: the roots of a gc.
CREATE TABLE projects (
    -- Absolute path, as bytes.
    path     BLOB NOT NULL PRIMARY KEY,
    -- The day of the last install, in days since 1970.
    used_day INTEGER NOT NULL
) WITHOUT ROWID;
