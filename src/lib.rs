//! deka installs npm packages. This page is its architecture: read it first, then the module it sends you to.
//!
//! # Bird's-eye view
//!
//! A *store*, one for all projects of a user, keeps every file of every package once, named by the hash of its content.
//! An install works out which packages a project needs, brings those that are missing into the store, and builds a
//! `node_modules` of links into it, laid out as pnpm does: each package sees its own dependencies and nothing else.
//!
//! ```text
//! package.json, workspace ──► resolve ──► registry ──► store ──► layout ──► node_modules
//! deka.lock ──────────────────┘           packuments   objects,  slots,
//!                                         tarballs     trees,    links,
//!                                                      index     bins, state
//! ```
//!
//! The stages overlap. A tarball is asked for as soon as its version is chosen, imported as soon as its bytes are here,
//! and linked as soon as its place is known and its row is in the index. A lockfile that fits the manifests replaces
//! resolution, and one that does not replaces the metadata of all that stays; without one, an earlier answer to the same
//! question does, as long as nothing has changed that it rests on; a store that has everything replaces the network; a
//! `node_modules` that is as it should be replaces all of it: then nothing is read but its state file.
//!
//! # Code map
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`package`] | the vocabulary: names, versions, ranges, specifiers, integrities, manifests, packuments, safe paths |
//! | [`fs`] | file operations whose errors name verb and path; atomic writes |
//! | [`pool`] | the threads for work that keeps a processor busy |
//! | [`memory`], `handles` | how memory is taken from the system and given back; room for open files |
//! | [`error`] | the one shape of a failure: code, message, hints; exit statuses |
//! | [`project`] | what the user has on disk: settings, manifests, the state of `node_modules`, the project lock |
//! | [`registry`] | what the network says: client, authentication, cache, tarballs down to checked entries |
//! | [`resolve`] | from manifests to exact packages and peer contexts; pure |
//! | [`lockfile`] | `deka.lock` |
//! | [`store`] | objects, packs, trees, index, locks: the only reader and writer of the store's folders |
//! | [`layout`] | `node_modules`: the wanted tree, the difference to what stands there, building it |
//! | [`scripts`] | lifecycle scripts, the policy that allows them, their environment; what users run in deka's place |
//! | [`install`] | the pipeline, the one place that sees every stage |
//! | [`timings`] | where the time of an install goes: noted as it runs, shown as a page |
//! | [`upkeep`] | looking after a store: what projects need of it, verifying and mending, gc, packs, quarantine, questions |
//! | [`inquiry`] | questions about dependencies: what is there, why, and what of it is old |
//! | [`commands`] | one file per command: parse, call, report |
//! | [`report`] | the only writer to stdout and stderr |
//! | [`cli`] | the command line as types |
//!
//! Imports point down only; `tests/suite/tidy.rs` holds the code to the table that stands there.
//!
//! # Invariants
//!
//! - **Nothing wrong is handed out.** A tarball's integrity is checked on its compressed bytes before anything made of
//!   it can be used, and an object whose stat differs from what the index noted is hashed before a project can use it.
//! - **One ordering, obeyed everywhere**: objects, then the package's record, then its index row, then slots and links,
//!   then the state file, then the registration of the project. A crash leaves a prefix of that, and every prefix is
//!   either invisible or usable.
//! - **Appear whole or not at all.** Records, slots, lockfiles and state files are made aside and renamed, objects renamed
//!   or linked; slots of a `node_modules` that begins are made in their places, where no record has them yet.
//! - **The index is derived data.** Losing it costs time, never a download and never an error.
//! - **Paths are checked once, at the boundary**, into [`package::path::RelPath`] and [`package::name::PackageName`],
//!   which cannot hold what would lead elsewhere. Nothing is unpacked where anybody would find it: files go into the store
//!   and, where a project waits for them, aside, from where they are renamed when their integrity is known; where nothing
//!   stands yet and it is known before the first file, into slots that nothing leads to before they are whole.
//! - **The answer of resolution does not depend on time**: not on the order in which packuments arrive, and not on the
//!   number of threads.
//! - **Below `commands` nothing reads the environment, prints, or touches the terminal.** Settings come in as values,
//!   news go out as events.
//! - **No registry has its address in this code.** It comes from settings, or from what npm is configured for.
//!
//! # Every path that deka writes
//!
//! | path | owner |
//! | --- | --- |
//! | `<project>/deka.lock` | [`lockfile`], written by [`install`] |
//! | `<project>/node_modules/**` except below | [`layout`] |
//! | `<project>/node_modules/.deka/state`, `…/lock` | [`project`] |
//! | `$DEKA_STORE_DIR`, else the setting `store-dir`, else `<data>/deka/store/v1` | [`store`]; see `store-format.md` |
//! | `<project>/deka-timings.html`, where `--timings` asks for it | [`timings`], written by [`commands`] |
//! | `<cache>/deka/answers-v1/**` (whole answers of resolution, the newest 32) | [`install`] |
//! | `<cache>/deka/demands-v1/**` (what the packages of lockfiles ask for, the newest 32) | [`install`] |
//! | `<cache>/deka/dlx/**` (what `deka dlx` has installed) | [`commands`], filled by [`install`] |
//! | `deka-exec-summary.json`, where `--report-summary` asks for it | [`commands`] |
//! | the rest of `<cache>/deka/**` (packuments, the default registry, versions of node) | [`registry`], [`project`] |
//!
//! `<data>` and `<cache>` are the XDG folders of the user, so setting `HOME` (and the `XDG_*` variables) isolates deka.

// What the world can get wrong is an error with words, never a panic.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo))]

pub mod cli;
pub mod commands;
pub mod error;
pub mod fs;
mod handles;
pub mod inquiry;
pub mod install;
pub mod layout;
pub mod lockfile;
pub mod memory;
pub mod package;
pub mod pool;
pub mod project;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod scripts;
pub mod store;
pub mod timings;
pub mod upkeep;
