//! How much of a store each project, package or version needs, and how much of that nobody else does.
//!
//! An object is *unique* to one of them if no other needs it: it is what goes when that one does. Objects are shared
//! so widely that the unique bytes of all of them together are less than the store, and the totals are more.

use super::census::Census;
use super::pattern::Pattern;
use super::users::{Unreadable, User, Users};
use crate::error::Error;
use crate::install::of_store;
use crate::project::env::Env;
use crate::store::Store;
use rustc_hash::FxHashMap;
use serde::Serialize;

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Projects, and beside them what no project needs.
    Project,
    /// Names of packages.
    Package,
    /// Versions of packages.
    Version,
}

/// What a project, package or version needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// A project's folder, `name` or `name@version`; nothing for what no project needs.
    pub name: Option<String>,
    /// Packages of the store that belong to it.
    pub packages: u64,
    /// Length of their different files.
    pub total_bytes: u64,
    /// Length of those files that nobody else needs.
    pub unique_bytes: u64,
    /// Length of those files that others need as well.
    pub shared_bytes: u64,
}

/// All shares of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// The shares, the largest first.
    pub shares: Vec<Share>,
    /// Projects that may need more than is said here.
    pub unreadable: Vec<Unreadable>,
}

/// Whose an object or a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// No project's.
    Nobody,
    /// That of the group with this number.
    One(u32),
    /// Several groups'.
    Many,
}

impl Owner {
    /// Returns whose it is when one more needs it.
    fn and(self, other: Owner) -> Owner {
        match (self, other) {
            (Owner::Nobody, one) | (one, Owner::Nobody) => one,
            (one, same) if one == same => one,
            _ => Owner::Many,
        }
    }
}

/// Packages that are looked at together.
struct Group {
    name: Option<String>,
    /// What it owns.
    owner: Owner,
    /// Numbers of packages, each once.
    packages: Vec<u32>,
}

/// Divides a store. With a pattern only the packages that it means are counted; what is unique is still what nobody else
/// needs, in whatever package. The environment is that of the user whose projects they are.
pub fn shares(store: &Store, env: &Env, by: By, pattern: Option<&Pattern>) -> Result<Shares, Error> {
    let census = Census::take(store).map_err(of_store)?;
    let users = if by == By::Project { Users::read(store, env)? } else { Users::default() };
    let mut groups = match by {
        By::Project => by_project(&census, &users.known),
        By::Package => by_name(&census, |package| package.name.to_string()),
        By::Version => by_name(&census, |package| format!("{}@{}", package.name, package.version)),
    };
    let owners = owners(&census, &groups);
    if let Some(pattern) = pattern {
        let is_meant = |package: &u32| {
            let package = &census.packages[*package as usize];
            pattern.matches(package.name.as_str(), &package.version)
        };
        groups.iter_mut().for_each(|group| group.packages.retain(is_meant));
        groups.retain(|group| !group.packages.is_empty());
    }
    let mut shares = measure(&census, &groups, &owners);
    shares.sort_by(|one, other| (other.total_bytes, &one.name).cmp(&(one.total_bytes, &other.name)));
    Ok(Shares { shares, unreadable: users.unreadable })
}

fn by_project(census: &Census, users: &[User]) -> Vec<Group> {
    let mut is_needed = vec![false; census.packages.len()];
    let mut groups = Vec::new();
    for (user, number) in users.iter().zip(0..) {
        let mut packages: Vec<u32> = user.keys().filter_map(|key| census.number(key)).collect();
        packages.sort_unstable();
        packages.dedup();
        packages.iter().for_each(|package| is_needed[*package as usize] = true);
        groups.push(Group { name: Some(user.project.clone()), owner: Owner::One(number), packages });
    }
    let unneeded: Vec<u32> = (0..).zip(&is_needed).filter(|(_, is_needed)| !**is_needed).map(|(package, _)| package).collect();
    if !unneeded.is_empty() {
        groups.push(Group { name: None, owner: Owner::Nobody, packages: unneeded });
    }
    groups
}

fn by_name(census: &Census, name: impl Fn(&super::census::Held) -> String) -> Vec<Group> {
    let mut places: FxHashMap<String, usize> = FxHashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    for (package, number) in census.packages.iter().zip(0..) {
        let name = name(package);
        let place = *places.entry(name).or_insert_with_key(|name| {
            groups.push(Group { name: Some(name.clone()), owner: Owner::One(groups.len() as u32), packages: Vec::new() });
            groups.len() - 1
        });
        groups[place].packages.push(number);
    }
    groups
}

/// Finds out whose each object is.
fn owners(census: &Census, groups: &[Group]) -> Vec<Owner> {
    let mut of_packages = vec![Owner::Nobody; census.packages.len()];
    for group in groups {
        for package in &group.packages {
            let owner = &mut of_packages[*package as usize];
            *owner = owner.and(group.owner);
        }
    }
    let mut of_objects = vec![Owner::Nobody; census.sizes_bytes.len()];
    for (package, owner) in census.packages.iter().zip(of_packages) {
        for object in &package.files {
            let held = &mut of_objects[*object as usize];
            *held = held.and(owner);
        }
    }
    of_objects
}

fn measure(census: &Census, groups: &[Group], owners: &[Owner]) -> Vec<Share> {
    // The last group that has counted an object, so that each counts it once.
    let mut counted = vec![usize::MAX; owners.len()];
    let measure = |(number, group): (usize, &Group)| {
        let (mut total_bytes, mut unique_bytes) = (0, 0);
        for object in group.packages.iter().flat_map(|package| &census.packages[*package as usize].files) {
            let object = *object as usize;
            if counted[object] == number {
                continue;
            }
            counted[object] = number;
            total_bytes += census.sizes_bytes[object];
            unique_bytes += if owners[object] == group.owner { census.sizes_bytes[object] } else { 0 };
        }
        let packages = group.packages.len() as u64;
        Share { name: group.name.clone(), packages, total_bytes, unique_bytes, shared_bytes: total_bytes - unique_bytes }
    };
    groups.iter().enumerate().map(measure).collect()
}
