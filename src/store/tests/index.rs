//! The index is derived data.

use super::*;
use crate::store::gc;
use std::os::unix::fs::MetadataExt;

fn index_path(place: &Place) -> PathBuf {
    place.store_path().join("index.db")
}

fn moved_aside(place: &Place) -> usize {
    let folder = std::fs::read_dir(place.store_path()).expect("the store");
    folder.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().starts_with("index.db.broken-")).count()
}

#[test]
fn finds_what_was_committed_in_the_order_asked() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    let found = store.lookup(&[key("absent"), key("example"), key("example")]).expect("an index");
    assert_eq!(found, [None, Some(package.clone()), Some(package.clone())]);
    drop(store);
    assert_eq!(find(&place.store(), "example"), Some(package));
}

#[test]
fn what_was_not_committed_is_not_there() {
    let place = Place::new();
    let store = place.store();
    import(&store, "example", &FILES);
    assert_eq!(find(&store, "example"), None);
    store.commit::<StoredPackage>(&[]).expect("nothing to do");
}

#[test]
fn equal_packages_are_one_tree_and_one_record_each() {
    let place = Place::new();
    let store = place.store();
    let one = import(&store, "one", &FILES);
    let two = import(&store, "two", &FILES);
    assert_eq!(one.tree_id, two.tree_id);
    store.commit(&[one.clone(), two]).expect("room");
    store.commit(&[one]).expect("room");
    let records = std::fs::read_dir(place.store_path().join("packages")).expect("a folder").count();
    assert_eq!(records, 1, "the second commit had nothing new");
    let trees: i64 = store.index.with(|connection| connection.query_row("SELECT count(*) FROM trees", [], |row| row.get(0))).expect("rows");
    assert_eq!(trees, 1);
}

#[test]
fn a_lost_empty_or_garbled_index_is_made_again() {
    let place = Place::new();
    let package = add_example(&place.store());
    type Fault = fn(&Path);
    let faults: [(&str, usize, Fault); 6] = [
        ("lost", 0, |index| std::fs::remove_file(index).expect("an index")),
        ("empty", 0, |index| std::fs::write(index, b"").expect("an index")),
        ("garbage", 1, |index| std::fs::write(index, vec![b'x'; 9000]).expect("an index")),
        ("cut off", 1, |index| {
            let bytes = std::fs::read(index).expect("an index");
            std::fs::write(index, &bytes[..bytes.len() / 2]).expect("an index");
        }),
        ("another database", 1, |index| {
            std::fs::remove_file(index).expect("an index");
            let other = rusqlite::Connection::open(index).expect("a database");
            other.execute_batch("CREATE TABLE trees (x); PRAGMA user_version = 1").expect("a table");
        }),
        ("a folder", 1, |index| {
            std::fs::remove_file(index).expect("an index");
            std::fs::create_dir(index).expect("a folder");
        }),
    ];
    let mut aside = 0;
    for (name, moved, fault) in faults {
        fault(&index_path(&place));
        let store = place.store();
        let found = find(&store, "example").unwrap_or_else(|| panic!("{name}: it is in the records"));
        assert_eq!((&found.tree, &found.facts, &found.version), (&package.tree, &package.facts, &package.version), "{name}");
        let checkout = store.checkout(&found, &place.target(name), LINK).expect("right bytes");
        assert!(checkout.learnt.is_some(), "{name}: the objects were hashed");
        store.commit(&[found]).expect("the index can be written");
        aside += moved;
        assert_eq!(moved_aside(&place), aside, "{name}");
    }
}

#[test]
fn a_page_that_breaks_while_the_store_is_open_is_noticed() {
    let place = Place::new();
    let many: Vec<StoredPackage> = {
        let store = place.store();
        let many =
            (0..200).map(|number| import(&store, &format!("package-{number}"), &[("a", false, &number.to_string())])).collect::<Vec<_>>();
        store.commit(&many).expect("room");
        many
    };
    let store = place.store();
    let mut bytes = std::fs::read(index_path(&place)).expect("an index");
    // The first page, with the schema, is read already; everything behind it turns to noise.
    bytes[4096..].fill(0x5a);
    std::fs::write(index_path(&place), &bytes).expect("an index");
    let keys: Vec<PackageKey> = many.iter().map(|package| package.key.clone()).collect();
    let found = store.lookup(&keys).expect("the index is made again");
    assert!(found.iter().zip(&many).all(|(found, wanted)| found.as_ref().is_some_and(|found| found.tree == wanted.tree)));
    assert_eq!(moved_aside(&place), 1);
    store.commit(&many).expect("the new index can be written");
}

#[test]
fn a_damaged_row_is_restored_from_its_record() {
    let place = Place::new();
    let store = place.store();
    let package = add_example(&store);
    for damage in [
        "UPDATE packages SET version = '6.6.6'",
        "UPDATE packages SET facts = x'00'",
        "UPDATE packages SET name = '../x'",
        "UPDATE packages SET tree = 99",
        "UPDATE trees SET body = x'0100'",
        "UPDATE trees SET body = 7",
        "DELETE FROM trees",
    ] {
        store.index.with(|connection| connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}"))).expect("rows");
        let found = find(&store, "example").expect(damage);
        assert_eq!((&found.tree, &found.version, &found.name), (&package.tree, &package.version, &package.name), "{damage}");
        assert_eq!(find(&store, "example").expect("restored").version, "1.0.0");
    }
    store.index.with(|connection| connection.execute_batch("UPDATE trees SET marks = x'00'")).expect("rows");
    let found = find(&store, "example").expect("marks are not worth a restore");
    assert!(store.checkout(&found, &place.target("out"), LINK).expect("right bytes").learnt.is_some());
}

#[test]
fn a_damaged_record_costs_only_its_own_package() {
    let place = Place::new();
    {
        let store = place.store();
        let batch = ["one", "two", "three"].map(|name| import(&store, name, &[("name", false, name)]));
        store.commit(&batch).expect("room");
    }
    let folder = place.store_path().join("packages");
    let file = std::fs::read_dir(&folder).expect("records").next().expect("one").expect("an entry").path();
    let mut bytes = std::fs::read(&file).expect("records");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).expect("records");
    std::fs::write(folder.join(".draft"), b"cut off").expect("a leftover");
    std::fs::remove_file(index_path(&place)).expect("an index");
    let store = place.store();
    let found = ["one", "two", "three"].map(|name| find(&store, name).is_some());
    assert_eq!(found, [true, false, true]);
}

#[test]
fn a_newer_index_is_refused_and_untouched() {
    let place = Place::new();
    add_example(&place.store());
    rusqlite::Connection::open(index_path(&place)).and_then(|index| index.pragma_update(None, "user_version", 99)).expect("an index");
    let before = std::fs::read(index_path(&place)).expect("an index");
    for mode in [Mode::ReadWrite, Mode::ReadOnly] {
        let error = place.try_store("first", mode).err().expect("refused");
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }
    assert_eq!(std::fs::read(index_path(&place)).expect("an index"), before);
    assert_eq!(moved_aside(&place), 0);
}

#[test]
fn a_store_that_is_only_read_is_not_written_to() {
    let place = Place::new();
    let package = add_example(&place.store());
    let look = || {
        let mut seen: Vec<_> = walkdir::WalkDir::new(place.store_path())
            .into_iter()
            .filter_map(Result::ok)
            .map(|found| (found.path().to_owned(), found.metadata().expect("a file").mtime_nsec(), found.metadata().expect("a file").len()))
            .collect();
        seen.sort();
        seen
    };
    let before = look();
    for boot in ["first", "second"] {
        let store = place.try_store(boot, Mode::ReadOnly).expect("a store");
        assert!(!store.is_writable());
        let found = find(&store, "example").expect("it is there");
        assert_eq!(found.tree, package.tree);
        let done = store.checkout(&found, &place.target(boot), COPY).expect("right bytes");
        store.commit_marks(done.learnt.as_slice()).expect("nothing is written");
        store.register_project(&place.target(boot)).expect("nothing is written");
        assert!(matches!(store.commit(&[found]), Err(StoreError::ReadOnly { .. })));
        assert!(matches!(store.import().err(), Some(StoreError::ReadOnly { .. })));
    }
    assert_eq!(look(), before);
}

#[test]
fn a_broken_index_in_a_store_that_is_only_read_is_made_in_memory() {
    let place = Place::new();
    let package = add_example(&place.store());
    std::fs::write(index_path(&place), b"garbage, and nobody may write").expect("an index");
    let store = place.try_store("first", Mode::ReadOnly).expect("a store");
    let found = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| find(&store, "example").expect("it is in the records")));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert!(found.iter().all(|found| found.tree == package.tree));
    store.checkout(&found[0], &place.target("out"), LINK).expect("right bytes");
    assert_eq!(moved_aside(&place), 0);
}

#[test]
fn rows_left_in_the_log_of_a_killed_process_are_not_missed() {
    let place = Place::new();
    let store = place.store();
    add_example(&store);
    // What a kill leaves: the index and its log, never closed.
    let copy = place.target("killed");
    let status = std::process::Command::new("cp").arg("-a").arg(place.store_path()).arg(&copy).status().expect("cp");
    assert!(status.success() && std::fs::metadata(copy.join("index.db-wal")).expect("a log").len() > 0);
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        let store = Store::open_in_boot(&copy, mode, Some("first".to_owned())).expect("a store");
        assert!(find(&store, "example").is_some(), "{mode:?}");
    }
}

#[test]
fn the_first_in_a_new_boot_looks_through_the_index() {
    let place = Place::new();
    {
        let store = place.store();
        let many: Vec<StoredPackage> =
            (0..200).map(|number| import(&store, &format!("package-{number}"), &[("a", false, &number.to_string())])).collect();
        store.commit(&many).expect("room");
    }
    let mut bytes = std::fs::read(index_path(&place)).expect("an index");
    let last = bytes.len() - 4096;
    bytes[last..].fill(0);
    std::fs::write(index_path(&place), &bytes).expect("an index");
    let store = place.store_in_boot("second");
    assert_eq!(moved_aside(&place), 1);
    assert!((0..200).all(|number| find(&store, &format!("package-{number}")).is_some()));
}

#[test]
fn projects_are_remembered_once() {
    let place = Place::new();
    let store = place.store();
    for _ in 0..2 {
        store.register_project(Path::new("/home/someone/b")).expect("room");
        store.register_project(Path::new("/home/someone/a")).expect("room");
    }
    let paths: Vec<_> = store.projects().expect("files").into_iter().map(|project| project.path).collect();
    assert_eq!(paths, [Path::new("/home/someone/a"), Path::new("/home/someone/b")]);
}

#[test]
fn projects_that_older_versions_have_noted_count_until_they_are_forgotten() {
    let place = Place::new();
    let store = place.store();
    let note = |path: &'static str, day| {
        store.index.write(move |connection| crate::store::rows::write_project(connection, Path::new(path), day)).expect("room");
    };
    note("/home/someone/a", 1);
    note("/home/someone/b", 2);
    store.register_project(Path::new("/home/someone/a")).expect("room");
    let days = |store: &Store| store.projects().expect("rows and files").into_iter().map(|project| project.used_day).collect::<Vec<_>>();
    assert!(matches!(days(&store)[..], [today, 2] if today > 20_000), "{:?}", days(&store));
    let forget = |path: &str| {
        let roots = gc::Roots { forgotten: vec![PathBuf::from(path)], ..gc::Roots::default() };
        let plan = gc::plan(&store, &roots, &gc::Limits::new(0)).expect("an index");
        gc::forget(&store, &plan).expect("a store that can be written");
    };
    forget("/home/someone/a");
    assert_eq!(days(&store), [2]);
    forget("/home/someone/b");
    assert!(days(&store).is_empty());
}

#[test]
fn whoever_adds_to_a_store_is_told_what_is_wrong_with_its_index() {
    let place = Place::new();
    drop(place.store());
    rusqlite::Connection::open(index_path(&place)).and_then(|index| index.pragma_update(None, "user_version", 99)).expect("an index");
    let store = Store::open_without_index(&place.store_path(), Mode::ReadWrite, &|_| ()).expect("a store");
    assert!(matches!(store.import().err(), Some(StoreError::Newer { found: 99, .. })), "and not that it cannot be written");
}

#[test]
fn an_index_that_nobody_asks_is_left_alone() {
    let place = Place::new();
    drop(place.store());
    std::fs::write(index_path(&place), b"garbage").expect("an index");
    let store = Store::open_without_index(&place.store_path(), Mode::ReadWrite, &|_| ()).expect("a store");
    store.register_project(Path::new("/home/someone/project")).expect("room");
    assert_eq!((std::fs::read(index_path(&place)).expect("an index"), moved_aside(&place)), (b"garbage".to_vec(), 0));
    store.open_index().expect("a new one");
    assert_eq!((store.projects().expect("files").len(), moved_aside(&place)), (1, 1));
}

#[test]
fn migrating_twice_changes_nothing() {
    let place = Place::new();
    drop(place.store());
    let mut connection = rusqlite::Connection::open(index_path(&place)).expect("an index");
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut statement = connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").expect("a schema");
        statement
            .query_map([], |row| Ok(row.get::<_, Option<String>>(0)?.unwrap_or_default()))
            .expect("rows")
            .map(|row| row.expect("text"))
            .collect()
    };
    let before = schema(&connection);
    crate::store::schema::migrate(&mut connection, |_, was_empty| {
        assert!(!was_empty);
        Ok(())
    })
    .expect("nothing to do");
    assert_eq!(schema(&connection), before);
}

#[test]
fn the_first_index_is_whole_at_once_and_has_a_log() {
    let place = Place::new();
    let store = place.store();
    add_example(&store);
    let ask = |pragma: &str| {
        let read = |connection: &mut rusqlite::Connection| {
            connection.pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        store.index.with(read).expect("an answer")
    };
    assert_eq!(ask("journal_mode"), "wal".to_owned().into());
    assert_eq!(ask("page_size"), 16_384.into());
    assert!(store.index.is_sound().expect("an answer") && !store.index.was_made_again());
}

#[test]
fn a_log_without_its_index_is_not_taken_for_a_part_of_a_new_one() {
    let other = Place::new();
    let store = other.store();
    add_example(&store);
    let log = std::fs::read(other.store_path().join("index.db-wal")).expect("a log");
    assert!(log.len() > 16_384);
    let place = Place::new();
    std::fs::create_dir_all(place.store_path()).expect("a folder");
    std::fs::write(place.store_path().join("index.db-wal"), log).expect("a file");
    let store = place.store();
    assert_eq!(find(&store, "example"), None);
    assert!(store.index.is_sound().expect("an answer"));
    let package = add_example(&store);
    assert_eq!(find(&store, "example"), Some(package));
}
