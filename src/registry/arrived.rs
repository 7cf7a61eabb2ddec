//! Bodies that are here whole: hashed side by side, and unpacked one after the other.
//!
//! Each brings one job to the pool, and each job unpacks one body: not its own, but the heaviest that is hashed. When none
//! is, the job hashes some, of which it unpacks one. A job that finds neither, because the rest is being hashed
//! elsewhere, is owed: it comes back when a body does.

use super::network::{Network, Request, Slot};
use crate::pool::Priority;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bodies that are hashed and wait to be unpacked.
#[derive(Default)]
pub(super) struct Arrived(Mutex<State>);

#[derive(Default)]
struct State {
    /// By weight; the number keeps those apart that weigh as much.
    hashed: BTreeMap<(u64, u64), Parcel>,
    count: u64,
    /// How many jobs ended without a body.
    owed: usize,
}

/// A body, and what it is the answer to.
pub(super) struct Parcel {
    pub(super) request: Request,
    pub(super) body: Vec<u8>,
    /// Its SHA-512, unless that has to be computed yet.
    pub(super) sha512: Option<[u8; 64]>,
    pub(super) slot: Slot,
    weight: u64,
}

/// Takes a body, and has the pool call `unpack` with it.
pub(super) fn take(request: Request, body: Vec<u8>, slot: Slot, weight: u64, unpack: fn(Parcel)) {
    let network = Arc::clone(slot.network());
    network.together.add(body, move |body, sha512| hashed(Parcel { request, body, sha512, slot, weight }, unpack));
    spawn(&network, weight, unpack);
}

fn spawn(network: &Arc<Network>, weight: u64, unpack: fn(Parcel)) {
    let network = Arc::clone(network);
    network.pool.clone().spawn_weighted(Priority::Import, weight, move || work(&network, unpack));
}

fn hashed(parcel: Parcel, unpack: fn(Parcel)) {
    let (network, weight) = (Arc::clone(parcel.slot.network()), parcel.weight);
    let mut state = network.arrived.lock();
    state.count += 1;
    let number = state.count;
    state.hashed.insert((weight, number), parcel);
    if state.owed > 0 {
        state.owed -= 1;
        drop(state);
        spawn(&network, weight, unpack);
    }
}

fn work(network: &Network, unpack: fn(Parcel)) {
    let parcel = loop {
        let next = network.arrived.lock().pop();
        if next.is_some() || !network.together.hash_some(network.pool.threads()) {
            break next;
        }
    };
    let parcel = parcel.or_else(|| network.arrived.pop_or_owe());
    if let Some(parcel) = parcel {
        unpack(parcel);
    }
}

impl State {
    /// Takes the heaviest.
    fn pop(&mut self) -> Option<Parcel> {
        self.hashed.pop_last().map(|(_, parcel)| parcel)
    }
}

impl Arrived {
    /// Looks once more, so that what was hashed in between finds either this job or a note of it.
    fn pop_or_owe(&self) -> Option<Parcel> {
        let mut state = self.lock();
        let parcel = state.pop();
        state.owed += usize::from(parcel.is_none());
        parcel
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
