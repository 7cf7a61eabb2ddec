//! From a source of bytes to a package in the store: tarballs of registries and of other places, local tarballs, folders.

use super::failure;
use super::folder::entries;
use super::landing::Berth;
use super::source::Sources;
use super::supply::Order;
use crate::error::{Code, Error};
use crate::package::facts::Facts;
use crate::package::integrity::Integrity;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use crate::pool::{Priority, Spawner};
use crate::registry::tarball::{Check, Content, Limits, Sink, Unpacked, WholeFile, unpack_bytes};
use crate::registry::{Client, TarballRequest};
use crate::resolve::graph::Source;
use crate::store::{Identity, Import, PackageKey, Store, StoreError, StoredPackage};
use crate::timings::{self, Happened};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// The largest manifest that is read, in bytes; real ones stay below one megabyte.
const MANIFEST_MAX_BYTES: usize = 16 << 20;

/// A package that was imported, and what was noticed on the way.
pub(super) struct Fetched {
    /// The package; not in the index yet.
    pub package: Arc<StoredPackage>,
    /// Its manifest, of a package of a registry without what it needs; an empty one when it has none that can be read.
    pub manifest: Manifest,
    /// The hash of the tarball; none for a folder.
    pub integrity: Option<Integrity>,
    /// The size of the tarball.
    pub packed_bytes: u64,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Gets the bytes of a package and imports them. `done` is called once, on some thread.
pub(super) fn fetch(
    sources: &Arc<Sources>,
    spawner: &Spawner,
    order: Order,
    done: impl FnOnce(Order, Result<Fetched, Error>) + Send + 'static,
) {
    let (timings, subject) = (sources.timings().clone(), timings::subject(&order.name, &order.version));
    timings.note(|| Happened::Ordered { subject: subject.clone() });
    let imported = (timings.clone(), subject.clone());
    let done = move |order: Order, outcome: Result<Fetched, Error>| {
        if let Ok(fetched) = &outcome {
            imported.0.note(|| of_import(imported.1, &order, fetched));
        }
        done(order, outcome);
    };
    let url = match &order.source {
        Source::Registry { tarball } => tarball.clone(),
        Source::Tarball { url } => Some(url.clone()),
        Source::LocalTarball { path } | Source::Folder { path } => {
            let (path, sources) = (sources.root.join(path), Arc::clone(sources));
            let import = if matches!(order.source, Source::Folder { .. }) { import_folder } else { import_tarball };
            return spawner.spawn(Priority::Import, move || {
                timings.note(|| Happened::Unpacking { subject });
                let outcome = import(&sources.store, &path, &order);
                done(order, outcome);
            });
        }
    };
    let client = match permitted(sources, &order) {
        Ok(client) => client,
        Err(error) => return done(order, Err(error)),
    };
    let request = TarballRequest {
        name: order.name.clone(),
        version: order.version.clone(),
        url,
        integrity: order.integrity.clone(),
        weight_hint: order.unpacked_size,
    };
    let (sources, id, name) = (Arc::clone(sources), order.id.clone(), order.name.clone());
    let make_sink = move |check| {
        timings.note(|| Happened::Unpacking { subject: subject.clone() });
        StoreSink::landing(&sources, &id, &name, check)
    };
    client.tarball(request, make_sink, move |answer| {
        let outcome = match answer {
            Ok((sink, unpacked)) => sink.finish(&order, unpacked),
            Err(error) => Err(failure::of_download(&error)),
        };
        done(order, outcome);
    });
}

fn of_import(subject: String, order: &Order, fetched: &Fetched) -> Happened {
    let Fetched { package, manifest, .. } = fetched;
    // What came from an address has its name inside.
    let found = manifest.name.as_deref().zip(manifest.version.as_deref()).filter(|_| order.version.is_empty());
    let renamed = found.map(|(name, version)| timings::subject(name, version));
    Happened::Imported { subject, renamed, files: package.tree.len() as u64, bytes: package.tree.size_bytes() }
}

/// Returns the client, unless what is ordered may not be fetched.
fn permitted<'a>(sources: &'a Sources, order: &Order) -> Result<&'a Client, Error> {
    if let Source::Registry { tarball: Some(tarball) } = &order.source
        && sources.loses_encryption(&order.name, tarball)?
    {
        return Err(failure::of_lost_encryption(Code::Network, &order.id, tarball));
    }
    sources.client()
}

/// Imports the files of a tarball as they are unpacked, and keeps its manifest.
struct StoreSink {
    import: Result<Import<Arc<Store>>, Option<StoreError>>,
    /// Where the files go to as well.
    berth: Option<Berth>,
    manifest: Option<Vec<u8>>,
}

impl StoreSink {
    fn new(store: &Arc<Store>) -> StoreSink {
        StoreSink { import: Import::new(Arc::clone(store)).map_err(Some), berth: None, manifest: None }
    }

    /// Has the files put into the project on their way, if there is a place for them.
    fn landing(sources: &Sources, id: &str, name: &PackageName, check: Check) -> StoreSink {
        let mut sink = StoreSink::new(&sources.store);
        if let Ok(import) = &mut sink.import
            && let Some((berth, landing)) = sources.landings.berth(id, name, check)
        {
            import.land(landing);
            sink.berth = Some(berth);
        }
        sink
    }

    /// Goes on with the import, which may have been unable to begin.
    fn go_on(&mut self, step: impl FnOnce(&mut Import<Arc<Store>>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let import = match &mut self.import {
            Ok(import) => import,
            Err(error) => return error.take().map_or(Ok(()), Err),
        };
        // The build does not end while files are written.
        let held = self.berth.as_ref().and_then(Berth::hold);
        if held.is_none() {
            import.take_off();
        }
        step(import)
    }

    fn finish(self, order: &Order, unpacked: Unpacked) -> Result<Fetched, Error> {
        let import =
            self.import.map_err(|error| error.map_or_else(|| Error::new(Code::Internal, "an import failed unseen"), failure::of_store))?;
        let mut warnings = Vec::new();
        if unpacked.skipped.any() {
            let skipped = unpacked.skipped;
            let count = skipped.links + skipped.devices + skipped.others;
            warnings.push(format!("{} holds {count} entries that are no plain files (links, devices); they were left out", order.id));
        }
        for path in &unpacked.clashes {
            warnings.push(format!("{} holds `{path}` twice but for upper and lower case; some file systems cannot keep both", order.id));
        }
        // What a package of a registry needs is known from there.
        let of_registry = matches!(order.source, Source::Registry { .. });
        let parse = if of_registry { Manifest::parse_for_facts } else { Manifest::parse };
        let manifest = match self.manifest.as_deref().map(parse) {
            Some(Ok(manifest)) => manifest,
            Some(Err(error)) => {
                warnings.push(format!("{} has a package.json that cannot be read: {error}", order.id));
                Manifest::default()
            }
            None => {
                warnings.push(format!("{} has no package.json", order.id));
                Manifest::default()
            }
        };
        warnings.extend(other_identity(order, &manifest));
        let integrity = order.integrity.clone().unwrap_or(unpacked.integrity);
        let key = PackageKey::of_integrity(&integrity);
        let package = finish(import, key, (order, &manifest), self.berth)?;
        Ok(Fetched { package, manifest, integrity: Some(integrity), packed_bytes: unpacked.packed_bytes, warnings })
    }
}

impl Sink for StoreSink {
    type Error = StoreError;

    fn file(&mut self, path: &RelPath, executable: bool, content: Content<'_>) -> Result<(), StoreError> {
        match content {
            Content::Whole(bytes) => self.files(vec![WholeFile { path: path.clone(), executable, bytes }]),
            Content::Stream { size, reader } => self.go_on(|import| import.stream(path, executable, size, reader)),
        }
    }

    fn files(&mut self, files: Vec<WholeFile<'_>>) -> Result<(), StoreError> {
        let is_manifest = |file: &&WholeFile<'_>| file.path.as_str() == "package.json" && file.bytes.len() <= MANIFEST_MAX_BYTES;
        if let Some(manifest) = files.iter().rfind(is_manifest) {
            self.manifest = Some(manifest.bytes.to_vec());
        }
        self.go_on(|import| import.files(files.into_iter().map(|file| (file.path, file.executable, file.bytes))))
    }
}

/// Warns when a tarball of a registry says that it is something else than what was resolved. What was resolved counts.
fn other_identity(order: &Order, manifest: &Manifest) -> Option<String> {
    let Source::Registry { .. } = order.source else { return None };
    let name = manifest.name.as_deref().filter(|name| *name != order.name.as_str());
    name.map(|name| format!("the tarball of {} calls itself `{name}`", order.id))
}

/// Marks the files of commands as executable and gives the package its name.
fn finish<S: Deref<Target = Store>>(
    mut import: Import<S>,
    key: PackageKey,
    (order, manifest): (&Order, &Manifest),
    berth: Option<Berth>,
) -> Result<Arc<StoredPackage>, Error> {
    let facts = Facts::of(manifest, &order.name, import.paths());
    let held = berth.as_ref().and_then(Berth::hold);
    if held.is_none() {
        import.take_off();
    }
    for (_, path) in &facts.bins {
        import.make_executable(path).map_err(failure::of_store)?;
    }
    let is_landed = import.is_landed();
    let identity = Identity { key, name: order.name.clone(), version: order.version.clone() };
    let package = import.finish(identity, facts).map(Arc::new).map_err(failure::of_store)?;
    if let Some(berth) = berth.filter(|_| is_landed) {
        berth.landed();
    }
    Ok(package)
}

/// Imports a tarball of this machine.
fn import_tarball(store: &Arc<Store>, path: &Path, order: &Order) -> Result<Fetched, Error> {
    let body = crate::fs::read(path).map_err(failure::of_file)?;
    let mut sink = StoreSink::new(store);
    let unpacked = unpack_bytes(&body, None, order.integrity.as_ref(), &Limits::default(), &mut sink)
        .map_err(|error| failure::of_tarball(&path.display().to_string(), &error))?;
    sink.finish(order, unpacked)
}

/// Imports the files of a folder of this machine, less its `node_modules` and what version control keeps in it.
fn import_folder(store: &Arc<Store>, folder: &Path, order: &Order) -> Result<Fetched, Error> {
    let manifest_path = folder.join("package.json");
    let text = crate::fs::read(&manifest_path).map_err(failure::of_file)?;
    let manifest = Manifest::parse(&text).map_err(|error| failure::of_manifest(&manifest_path, &error))?;
    let mut import = store.import().map_err(failure::of_store)?;
    for entry in entries(folder) {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let below = entry.path().strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default();
        let path = RelPath::parse(below)
            .map_err(|error| Error::new(Code::Manifest, format!("{} cannot be installed: {error}", folder.display())))?;
        let bytes = crate::fs::read(entry.path()).map_err(failure::of_file)?;
        let executable = entry.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
        import.file(&path, executable, &bytes).map_err(failure::of_store)?;
    }
    // Its content may be another one next time, so the key is never looked up.
    let key = PackageKey::of_source(format!("folder:{}", folder.display()));
    let package = finish(import, key, (order, &manifest), None)?;
    Ok(Fetched { package, manifest, integrity: None, packed_bytes: 0, warnings: Vec::new() })
}

/// Returns the name under which something that no registry keeps is fetched before its manifest is known.
pub(super) fn placeholder_name(source: &Source) -> Result<PackageName, Error> {
    let place = match source {
        Source::Registry { .. } => "",
        Source::Tarball { url } => url,
        Source::LocalTarball { path } | Source::Folder { path } => path,
    };
    let last = place.split(['?', '#']).next().unwrap_or_default().rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let plain: String = last.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')).collect();
    PackageName::parse(&plain).or_else(|_| PackageName::parse("package")).map_err(|error| Error::wrap(Code::Specifier, &error))
}
