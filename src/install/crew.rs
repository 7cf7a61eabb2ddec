//! Threads that carry out a blueprint together.

use super::news::Counters;
use super::session::Session;
use crate::layout::blueprint::{Phase, Site};
use crate::pool;
use crate::store::{Blueprint, Reach, Store, Surprise};
use crate::timings::Happened;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The threads, and what they share.
pub(super) struct Crew {
    site: Site,
    blueprint: Blueprint,
    store: Arc<Store>,
    counters: Arc<Counters>,
    /// The number of the part behind each phase.
    ends: [usize; Phase::ALL.len()],
    /// The part that is to be carried out next.
    next: AtomicUsize,
    /// How many parts of the first phase are done.
    folders: AtomicUsize,
    /// Whether there was a surprise.
    failed: AtomicBool,
    /// How many slots are built, or the first surprise.
    outcome: Mutex<Result<usize, Surprise>>,
}

impl Crew {
    /// Gathers one. `ends` are the numbers of the parts behind the phases.
    pub fn new(session: &Session, site: Site, blueprint: Blueprint, ends: [usize; Phase::ALL.len()]) -> Crew {
        let (store, counters) = (Arc::clone(&session.sources.store), Arc::clone(&session.counters));
        let (next, folders, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        Crew { site, blueprint, store, counters, ends, next, folders, failed, outcome: Mutex::new(Ok(0)) }
    }

    /// Carries out some phases that follow each other, on as many threads as are worth it. Returns how many slots were
    /// built.
    pub fn work_together(&self, session: &Session, phases: &[Phase]) -> Result<usize, Surprise> {
        let parts = phases.iter().map(|phase| self.parts(*phase)).reduce(|all, next| all.start..next.end).unwrap_or_default();
        self.next.store(parts.start, Ordering::Relaxed);
        match session.spawner.threads().min(parts.len()) {
            0 | 1 => self.work(parts.end, false),
            threads => pool::side_by_side(threads, |is_alone| self.work(parts.end, is_alone)),
        }
        std::mem::replace(&mut *self.outcome(), Ok(0))
    }

    /// Writes the record, the last of all steps.
    pub fn finish(&self) -> Result<(), Surprise> {
        let mut record = Vec::new();
        let [.., end] = self.ends;
        self.blueprint.read_part(end, &mut record).ok_or(Surprise::Unreadable)?;
        self.site.finish(&record).map_err(|error| Surprise::Folder(error.to_string()))
    }

    /// Carries out one part after the other, until the one with this number or somebody's surprise. `is_alone` says that
    /// this thread has a table of open files of its own.
    fn work(&self, end: usize, is_alone: bool) {
        let (mut buffer, mut reach) = (Vec::new(), self.store.reach(is_alone));
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(phase) = Phase::ALL.into_iter().find(|phase| part < end && self.parts(*phase).contains(&part)) else { return };
            if phase == Phase::Files {
                self.wait_for_folders();
            }
            if self.failed.load(Ordering::Relaxed) {
                return;
            }
            let outcome = self.carry_out(phase, part, (&mut buffer, &mut reach));
            if phase == Phase::Folders {
                self.folders.fetch_add(1, Ordering::Release);
            }
            let mut all = self.outcome();
            match (outcome, &mut *all) {
                (Ok(built), Ok(count)) => *count += built,
                (Err(surprise), Ok(_)) => {
                    self.failed.store(true, Ordering::Relaxed);
                    *all = Err(surprise);
                }
                (_, Err(_)) => {}
            }
        }
    }

    fn carry_out(&self, phase: Phase, part: usize, (buffer, reach): (&mut Vec<u8>, &mut Reach<'_>)) -> Result<usize, Surprise> {
        let timings = &self.counters.timings;
        let began_us = timings.now_us();
        self.blueprint.read_part(part, buffer).ok_or(Surprise::Unreadable)?;
        let built = self.site.carry_out(buffer, reach)?;
        timings.note(|| {
            let subject = format!("{phase:?}, part {part}").to_lowercase();
            Happened::Linked { subject, began_us, files: None, slots: built as u64 }
        });
        Counters::add(&self.counters.linked, built as u64);
        Ok(built)
    }

    /// Waits until all folders are there that files go into. They were begun first, so they mostly are.
    fn wait_for_folders(&self) {
        let count = self.parts(Phase::Folders).len();
        while self.folders.load(Ordering::Acquire) < count && !self.failed.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }

    fn parts(&self, phase: Phase) -> Range<usize> {
        let number = phase as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        start..self.ends[number]
    }

    fn outcome(&self) -> MutexGuard<'_, Result<usize, Surprise>> {
        // What happens under the lock cannot panic.
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
