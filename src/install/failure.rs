//! Turns the errors of the stages into what the user sees: a code, the message, and what to do about it.

use crate::error::{Code, Error};
use crate::fs::FsError;
use crate::layout::LayoutError;
use crate::lockfile::LockfileError;
use crate::project::error::ProjectError;
use crate::registry::RegistryError;
use crate::registry::tarball::TarballError;
use crate::resolve::error::{Fault, ResolveError};
use crate::scripts::run::ScriptError;
use crate::store::{CheckoutError, StoreError};
use std::path::Path;
use url::Url;

/// A file operation failed.
pub(crate) fn of_file(error: FsError) -> Error {
    Error::wrap(Code::Io, &error)
}

/// A manifest that an install needs is not JSON.
pub(super) fn of_manifest(path: &Path, error: &serde_json::Error) -> Error {
    Error::new(Code::Manifest, format!("{} cannot be read: {error}", path.display()))
}

pub(crate) fn of_project(error: ProjectError) -> Error {
    match &error {
        ProjectError::Fs(_) => Error::wrap(Code::Io, &error),
        ProjectError::NoManifest { .. } => {
            Error::wrap(Code::Manifest, &error).hint("Run `npm init` to make one, or go to the project with `-C <DIR>`.")
        }
        ProjectError::Json { .. }
        | ProjectError::Edit { .. }
        | ProjectError::Field { .. }
        | ProjectError::Name { .. }
        | ProjectError::OverrideReference { .. } => Error::wrap(Code::Manifest, &error),
        ProjectError::RootWithoutManifest { .. } => Error::wrap(Code::Manifest, &error).hint("Run `npm init` there to make one."),
        ProjectError::Glob { .. } | ProjectError::TwoDefaultCatalogs { .. } => Error::wrap(Code::Workspace, &error),
        ProjectError::CopiedInCircle { .. } => {
            Error::wrap(Code::Workspace, &error).hint("Take `injected` away, so that the project is linked to, or break the circle.")
        }
        ProjectError::DuplicateName { .. } => Error::wrap(Code::Workspace, &error).hint("Give one of them another `name`."),
        ProjectError::Filter { .. } => Error::wrap(Code::Usage, &error),
        ProjectError::NoRegistry { .. } => {
            Error::wrap(Code::Settings, &error).hint("Set `registry` in your ~/.npmrc, or pass `--registry <URL>`.")
        }
        ProjectError::TokenHelper { .. } => Error::wrap(Code::Auth, &error),
        ProjectError::Yaml { .. } | ProjectError::Setting { .. } | ProjectError::NoHome { .. } => Error::wrap(Code::Settings, &error),
    }
}

pub(crate) fn of_lockfile(path: &Path, error: LockfileError) -> Error {
    let wrapped = Error::wrap(Code::Lockfile, &error);
    let wrapped = Error { message: format!("{}: {}", path.display(), wrapped.message), ..wrapped };
    match error {
        LockfileError::Newer { .. } => wrapped.hint("Update deka. The lockfile was left as it is."),
        LockfileError::Conflict { .. } => wrapped,
        LockfileError::Syntax(_) | LockfileError::Invalid { .. } => {
            wrapped.hint("Restore it from version control, or delete it to resolve everything anew.")
        }
    }
}

/// There is no resolution. What the project itself asks for stands in its manifest.
pub(super) fn of_resolve(error: ResolveError) -> Error {
    let wrapped = of_fault(&error);
    match &error {
        ResolveError::Dependency { way, .. } if way.trail.matches(" > ").count() == 1 => {
            let folder = if way.importer == "." { String::new() } else { format!("{}/", way.importer) };
            Error { message: format!("{} (in {folder}package.json)", wrapped.message), ..wrapped }
        }
        _ => wrapped,
    }
}

fn of_fault(error: &ResolveError) -> Error {
    let ResolveError::Dependency { way, fault } = error else {
        let code = match error {
            ResolveError::Override { .. } => Code::Manifest,
            ResolveError::Peers(_) => Code::Peer,
            _ => Code::Resolve,
        };
        return Error::wrap(code, error);
    };
    match fault {
        // What could not be fetched has a code and hints of its own.
        Fault::Fetch { source, .. } => match source.downcast_ref::<Error>() {
            Some(inner) => Error { message: format!("{}\nneeded by {}", inner.message, way.trail), ..inner.clone() },
            None => Error::wrap(Code::Network, error),
        },
        Fault::NoPackage(_) => Error::wrap(Code::NotFound, error)
            .hint("Check the spelling of the name and which registry is configured; a private package also needs credentials."),
        Fault::NoExternal(_) => Error::wrap(Code::NotFound, error),
        Fault::NoVersion { .. } | Fault::NoTag { .. } => Error::wrap(Code::Resolve, error),
        _ => Error::wrap(Code::Specifier, error),
    }
}

pub(super) fn of_registry(error: &RegistryError) -> Error {
    match error {
        RegistryError::NotFound { .. } => Error::wrap(Code::NotFound, error),
        RegistryError::Denied { .. } => Error::wrap(Code::Auth, error),
        RegistryError::Offline { .. } => Error::wrap(Code::Offline, error),
        RegistryError::Setup { .. } => Error::wrap(Code::Settings, error),
        RegistryError::Tarball { subject, source, .. } => {
            let known = of_tarball(subject, source);
            Error { message: Error::wrap(known.code, error).message, ..known }
        }
        RegistryError::Unreachable { .. } | RegistryError::Down { .. } | RegistryError::Throttled { .. } => {
            Error::wrap(Code::Network, error)
                .hint("Check the network and the proxy settings; with everything cached, `--offline` installs without either.")
        }
        RegistryError::Status { .. }
        | RegistryError::Redirect { .. }
        | RegistryError::Address { .. }
        | RegistryError::Packument { .. }
        | RegistryError::Body { .. } => Error::wrap(Code::Network, error),
    }
}

/// A tarball could not be had. The package is known, so one that is missing is a fault of the registry.
pub(super) fn of_download(error: &RegistryError) -> Error {
    match error {
        RegistryError::NotFound { .. } => Error::wrap(Code::Network, error),
        _ => of_registry(error),
    }
}

/// A package would come over an open connection though its registry has an encrypted one.
pub(super) fn of_lost_encryption(code: Code, package: &str, tarball: &str) -> Error {
    let host = Url::parse(tarball).ok().and_then(|url| Some(url.host_str()?.to_owned())).unwrap_or_default();
    Error::new(code, format!("{package} is to come from http://{host}, without encryption, though its registry is asked over https"))
        .hint("Nothing was sent there. Whoever wrote that address may mean harm.")
}

/// A tarball was not accepted. A failure of the store comes through here too, as the sink's.
pub(super) fn of_tarball(subject: &str, error: &TarballError) -> Error {
    let message = |code| Error::new(code, format!("{subject} cannot be used: {}", Error::wrap(code, error).message));
    match error {
        TarballError::Sink(source) => match source.downcast_ref::<StoreError>() {
            Some(StoreError::Clash { .. }) | None => message(Code::Tarball),
            Some(_) => message(Code::Store),
        },
        TarballError::Integrity { .. } => message(Code::Integrity).hint(
            "Either the registry or something between it and you changed the file, or the lockfile is wrong. Nothing of it was installed.",
        ),
        _ => message(Code::Tarball),
    }
}

pub(crate) fn of_store(error: StoreError) -> Error {
    Error::wrap(Code::Store, &error)
}

pub(crate) fn of_layout(error: LayoutError) -> Error {
    match error {
        LayoutError::Pattern { .. } => Error::wrap(Code::Settings, &error),
        LayoutError::Fs(_) => Error::wrap(Code::Io, &error),
        LayoutError::Checkout(CheckoutError::Store(error)) => of_store(error),
        LayoutError::Checkout(CheckoutError::Damaged { .. }) => Error::wrap(Code::Damaged, &error),
        LayoutError::Unbuilt { .. } => Error::wrap(Code::Internal, &error),
    }
}

pub(super) fn of_script(error: ScriptError) -> Error {
    let wrapped = Error::wrap(Code::Script, &error);
    match error {
        ScriptError::Failed { output, .. } if !output.bytes.is_empty() => {
            Error { message: format!("{}\n{}", wrapped.message, output.text().trim_end()), ..wrapped }
        }
        _ => wrapped,
    }
}
