//! What is known of one chat's messages, and what is not: pure.
//!
//! Telegram numbers the messages of a channel 1, 2, 3, …, so a number that was never heard of is a gap, and a number
//! that a page of history leaves out belongs to a message that is gone. (In a basic group the numbers of all the
//! account's groups are one sequence: there the numbers in between belong to others.)
//!
//! Invariant: every id up to `top` is on the log, or known to be gone, or `missing`; and what is missing is on its way
//! to the log or inside an open gap. What is stored of it never says more than what the log holds, so a producer that
//! is killed at any instant fetches again what it was not sure of.

use std::collections::{BTreeMap, VecDeque};

use crate::ranges::Ranges;

/// Why a gap was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The first look at a chat: its history.
    First,
    /// An id was skipped.
    Skipped,
    /// The list of dialogs tells of newer messages: after a start, a broken line, a full queue.
    Behind,
    /// Telegram would not tell what was missed.
    TooLong,
}

impl Why {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Skipped => "skipped",
            Self::Behind => "behind",
            Self::TooLong => "too_long",
        }
    }

    pub(crate) fn parse(name: &str) -> Self {
        [Self::First, Self::Skipped, Self::TooLong]
            .into_iter()
            .find(|why| why.name() == name)
            .unwrap_or(Self::Behind)
    }
}

/// A range of ids that has to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) why: Why,
    pub(crate) opened_at: i64,
    /// Its ids that are still missing. The others are on the log, or gone: a message that was heard inside a gap may be
    /// deleted before the gap is closed, and the log has to learn of that.
    pub(crate) left: Ranges,
    /// How many of its ids turned out to be gone.
    pub(crate) gone: i64,
    /// As it is in the ledger already.
    pub(crate) stored: bool,
}

impl Gap {
    pub(crate) fn is_closed(&self) -> bool {
        self.left.is_empty()
    }
}

/// A page of history to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Looks again at what is on the log already, for edits and deletions: which doubt it is to settle.
    pub(crate) again: Option<u32>,
}

/// What a page of history settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Ids that the log has to learn are gone; [`Coverage::buried`] once it has.
    pub(crate) vanished: Vec<i64>,
    /// First and last id that was looked at again; [`Coverage::looked`] once the log has what was found.
    pub(crate) looked: Option<(i64, i64)>,
}

/// What the log holds of a message that the ledger does not tell of yet: [`Coverage::find`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) id: i64,
    pub(crate) edit_date: i64,
    pub(crate) deleted: bool,
}

/// What may be stored: no more than the log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) last_id: i64,
    pub(crate) floor: i64,
    pub(crate) pts: Option<i32>,
    /// The newest id at the time of `pts`.
    pub(crate) steady: Option<i64>,
    /// From this id on, edits and deletions may have been missed.
    pub(crate) doubt_from: Option<i64>,
}

/// One chat.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    /// Every id belongs to this chat.
    dense: bool,
    /// How many of the newest ids are looked at again after doubt.
    window: i64,
    /// The highest id heard of.
    top: i64,
    /// The newest id at the time of `pts`: it may have changed since, however many messages came behind it. Far below
    /// `top` while the changes are heard with delay. None before anything was heard.
    steady: Option<i64>,
    /// The same for the changes that were heard and are not acknowledged yet.
    heard: VecDeque<(i32, i64)>,
    /// Older messages are not wanted. None until it is decided where the first backfill begins.
    floor: Option<i64>,
    missing: Ranges,
    /// Of the missing: handed to the log, not acknowledged yet.
    in_flight: Ranges,
    /// Ids without a message, of the newest ones only.
    gone: Ranges,
    gone_unstored: Ranges,
    /// Id → edit date of the version on the log, of the newest ones only; 0 when never edited.
    versions: BTreeMap<i64, i64>,
    gaps: Vec<Gap>,
    /// Everything up to this number of the channel's changes is on the log, unless in doubt or not anchored.
    pts: Option<i32>,
    /// The changes are heard without a hole, from the stored number or from where the list of dialogs was told.
    anchored: bool,
    /// Edits or deletions of these may have been missed; still to be looked at.
    doubt: Ranges,
    /// As `doubt`, with those that were looked at and are not on the log yet.
    doubted: Ranges,
    /// How many times there was doubt: a page that was asked for before the last time settles nothing.
    doubts: u32,
    dirty: bool,
}

impl Coverage {
    /// A chat never seen before.
    pub(crate) fn new(dense: bool, window: i64) -> Self {
        Self {
            dense,
            window,
            top: 0,
            steady: None,
            heard: VecDeque::new(),
            floor: None,
            missing: Ranges::default(),
            in_flight: Ranges::default(),
            gone: Ranges::default(),
            gone_unstored: Ranges::default(),
            versions: BTreeMap::new(),
            gaps: Vec::new(),
            pts: None,
            anchored: false,
            doubt: Ranges::default(),
            doubted: Ranges::default(),
            doubts: 0,
            dirty: false,
        }
    }

    /// A chat as it was stored. [`Self::find`] is told what the log holds beyond that.
    pub(crate) fn restore(
        dense: bool,
        window: i64,
        snapshot: &Snapshot,
        mut gaps: Vec<Gap>,
        gone: Ranges,
        now: i64,
    ) -> Self {
        let mut chat = Self::new(dense, window);
        (chat.top, chat.floor, chat.pts) = (snapshot.last_id, Some(snapshot.floor), snapshot.pts);
        chat.anchored = snapshot.pts.is_some();
        chat.steady = snapshot.steady;
        chat.gone = gone;
        if let Some(from) = snapshot.doubt_from {
            chat.doubted.insert(from, snapshot.last_id);
        }
        gaps.sort_by_key(|gap| gap.from);
        for gap in gaps {
            chat.reach(gap.from - 1, Why::Behind, now);
            gap.left.iter().for_each(|(from, to)| chat.missing.insert(from, to));
            chat.top = chat.top.max(gap.to);
            chat.gaps.push(gap);
        }
        chat
    }

    /// The log holds this already: it was appended just before the producer was killed.
    pub(crate) fn find(&mut self, found: Found, now: i64) {
        let id = found.id;
        self.steady.get_or_insert(id);
        if id > self.top {
            if self.dense {
                self.reach(id - 1, Why::Behind, now);
            }
            self.top = id;
        }
        self.missing.remove(id, id);
        if found.deleted {
            self.gone.insert(id, id);
            self.gone_unstored.insert(id, id);
        }
        let version = self.versions.entry(id).or_default();
        *version = found.edit_date.max(*version);
        self.dirty = true;
    }

    /// From here on changes are heard without a hole. Where there was no number to go on from, those before were not:
    /// only what is looked at from now on is sure to be as it is.
    pub(crate) fn anchor(&mut self) {
        if !std::mem::replace(&mut self.anchored, true) {
            self.doubt();
        }
    }

    /// The changes of the channel are not told to us any more.
    pub(crate) fn adrift(&mut self) {
        self.anchored = false;
        self.dirty = true;
    }

    pub(crate) fn top(&self) -> i64 {
        self.top
    }

    pub(crate) fn pts(&self) -> Option<i32> {
        self.pts.filter(|_| self.anchored && self.doubted.is_empty())
    }

    pub(crate) fn is_started(&self) -> bool {
        self.floor.is_some()
    }

    /// Nothing is missing and nothing is in doubt.
    pub(crate) fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.doubted.is_empty()
    }

    pub(crate) fn missing(&self) -> i64 {
        self.missing.len()
    }

    /// Decides where the history begins that is wanted.
    pub(crate) fn start_at(&mut self, floor: i64) {
        self.floor = Some(floor);
        let unwanted = self.missing.within(1, floor - 1).without(&self.in_flight);
        self.missing = self.missing.without(&unwanted);
        for gap in &mut self.gaps {
            gap.from = gap.from.max(floor.min(gap.to + 1));
            gap.left.remove(1, floor - 1);
        }
        self.gaps.retain(|gap| gap.from <= gap.to);
        self.doubt.remove(1, floor - 1);
        self.doubted.remove(1, floor - 1);
        self.dirty = true;
    }

    /// A message was received in this version. Whether it has to go to the log: it is then on its way there.
    pub(crate) fn hear(&mut self, id: i64, edit_date: i64, now: i64) -> bool {
        self.steady.get_or_insert(id);
        if id > self.top {
            if self.dense {
                self.reach(id - 1, Why::Skipped, now);
            }
            self.top = id;
            self.missing.insert(id, id);
        }
        if self.gone.contains(id) {
            return false;
        }
        let awaited = self.missing.contains(id) && !self.in_flight.contains(id);
        let wanted = self.floor.is_none_or(|floor| id >= floor);
        let newer = wanted && edit_date > self.versions.get(&id).copied().unwrap_or(0);
        if !awaited && !newer {
            return false;
        }
        if awaited {
            self.in_flight.insert(id, id);
        }
        if id >= self.oldest_in_window() {
            self.versions.insert(id, edit_date);
            self.forget_old();
        }
        true
    }

    /// The log has acknowledged these messages.
    pub(crate) fn on_log(&mut self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            self.missing.remove(id, id);
            self.in_flight.remove(id, id);
        }
        self.dirty = true;
    }

    /// Every change of the channel up to this one was heard, which is about this id; [`Self::applied`] once the log
    /// has what it means.
    pub(crate) fn heard(&mut self, pts: i32, id: i64) {
        if self.anchored {
            self.heard.push_back((pts, id));
        }
    }

    /// The log has acknowledged every change of the channel up to this one.
    pub(crate) fn applied(&mut self, pts: i32) {
        while let Some((_, id)) = self.heard.pop_front_if(|(heard, _)| *heard <= pts) {
            self.steady = self.steady.max(Some(id));
        }
        self.pts = Some(self.pts.unwrap_or(0).max(pts));
        self.dirty = true;
    }

    /// Messages up to `top` exist. Opens a gap when that is news.
    pub(crate) fn reach(&mut self, top: i64, why: Why, now: i64) {
        if top > self.top {
            let why = if self.floor.is_none() { Why::First } else { why };
            let (from, to) = (self.top + 1, top);
            self.missing.insert(from, to);
            let left = self.missing.within(from, to);
            self.gaps.push(Gap { from, to, why, opened_at: now, left, gone: 0, stored: false });
            self.top = top;
            self.dirty = true;
        }
    }

    /// A message was deleted. Whether the log has to learn of it; [`Self::buried`] once it has.
    pub(crate) fn delete(&mut self, id: i64, now: i64) -> bool {
        self.reach(id, Why::Skipped, now);
        if self.gone.contains(id) {
            return false;
        }
        let never_seen = self.missing.contains(id) && !self.in_flight.contains(id);
        let wanted = self.floor.is_none_or(|floor| id >= floor);
        if never_seen || !wanted {
            self.is_absent(id, id);
            return false;
        }
        self.gone.insert(id, id);
        true
    }

    /// The log has acknowledged that these are gone.
    pub(crate) fn buried(&mut self, id: i64) {
        self.gone_unstored.insert(id, id);
        self.dirty = true;
    }

    /// These are not on the log, and there is nothing that could come.
    fn is_absent(&mut self, from: i64, to: i64) {
        let awaited = self.missing.within(from, to);
        for (from, to) in awaited.iter() {
            self.missing.remove(from, to);
        }
        for gap in &mut self.gaps {
            gap.gone += awaited.within(gap.from, gap.to).len();
        }
        self.gone.insert(from, to);
        self.gone_unstored.insert(from, to);
        self.dirty = true;
    }

    /// Edits or deletions may have been missed: the newest messages have to be looked at again, and with them those
    /// that were in doubt before.
    pub(crate) fn doubt(&mut self) {
        let from = self.oldest_in_window();
        let from = self.doubted.iter().next().map_or(from, |(first, _)| first.min(from));
        self.doubt.insert(from, self.top);
        self.doubted.insert(from, self.top);
        self.doubts += 1;
        self.dirty = true;
    }

    /// The oldest id that is looked at again if there is doubt.
    fn oldest_in_window(&self) -> i64 {
        let newest = self.steady.map_or(self.top, |steady| steady.min(self.top));
        (newest - self.window + 1).max(self.floor.unwrap_or(1)).max(1)
    }

    /// The log has acknowledged what was found when these ids were looked at again.
    pub(crate) fn looked(&mut self, from: i64, to: i64) {
        let mut settled = Ranges::default();
        settled.insert(from, to);
        for (from, to) in settled.without(&self.doubt).iter() {
            self.doubted.remove(from, to);
        }
        self.dirty = true;
    }

    /// What to ask for next: first what is missing, oldest first, then what is in doubt.
    pub(crate) fn next_fetch(&self) -> Option<Fetch> {
        self.floor?;
        let wanted = self.missing.without(&self.in_flight);
        if let Some((from, to)) = wanted.iter().next() {
            return Some(Fetch { from, to, again: None });
        }
        self.doubt.iter().next().map(|(from, to)| Fetch { from, to, again: Some(self.doubts) })
    }

    /// A page of history was answered and each of its messages given to [`Self::hear`]. `found` are its ids within the
    /// fetch, ascending.
    pub(crate) fn answered(&mut self, fetch: Fetch, found: &[i64], ended: bool) -> Settled {
        let upto = match found.last() {
            Some(last) if !ended => *last,
            _ => fetch.to,
        };
        let mut absent = Ranges::default();
        absent.insert(fetch.from, upto);
        for id in found {
            absent.remove(*id, *id);
        }
        // What is on its way to the log was there a moment ago, and may have come behind this page.
        let unclear = absent.common(&self.in_flight);
        let absent = absent.without(&self.in_flight);
        let mut settled = Settled::default();
        for (from, to) in self.missing.common(&absent).iter() {
            match self.dense {
                true => self.is_absent(from, to),
                false => self.missing.remove(from, to),
            }
        }
        if let Some(doubt) = fetch.again {
            if self.dense {
                let vanished = absent.without(&self.gone);
                settled.vanished.extend(vanished.iter().flat_map(|(from, to)| from..=to));
                for (from, to) in vanished.iter() {
                    self.gone.insert(from, to);
                }
            }
            if doubt == self.doubts {
                self.doubt.remove(fetch.from, upto);
                unclear.iter().for_each(|(from, to)| self.doubt.insert(from, to));
                settled.looked = Some((fetch.from, upto));
            }
        }
        self.forget_old();
        self.dirty = true;
        settled
    }

    /// Writes every open gap to the ledger again: what stands beside it changed.
    pub(crate) fn restate(&mut self) {
        for gap in &mut self.gaps {
            gap.stored = false;
        }
        self.dirty = true;
    }

    /// Forgets what lies below both the window and everything in doubt.
    fn forget_old(&mut self) {
        let oldest = self.oldest_in_window();
        let oldest = self.doubted.iter().next().map_or(oldest, |(first, _)| first.min(oldest));
        if self.versions.len() as i64 > 2 * self.window {
            self.versions = self.versions.split_off(&oldest);
        }
        if self.gone.iter().next().is_some_and(|(from, _)| from < oldest - self.window) {
            self.gone.remove(i64::MIN + 1, oldest - 1);
        }
    }

    /// What may be stored now, with the gaps and the gone ids that the ledger does not have yet; none when nothing
    /// changed. Closed gaps are given once and forgotten.
    pub(crate) fn take_changes(&mut self) -> Option<(Snapshot, Vec<Gap>, Ranges)> {
        let floor = self.floor?;
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        let mut loose = self.missing.clone();
        let mut changed = Vec::new();
        for gap in &mut self.gaps {
            loose.remove(gap.from, gap.to);
            let left = self.missing.within(gap.from, gap.to);
            if left != gap.left || !gap.stored {
                gap.left = left;
                gap.stored = true;
                changed.push(gap.clone());
            }
        }
        self.gaps.retain(|gap| !gap.is_closed());
        let last_id = loose.iter().next().map_or(self.top, |(first, _)| first - 1);
        // Before there is a number to go on from, what is in the window may be changing unheard.
        let unheard = (self.dense && !self.anchored).then(|| self.oldest_in_window());
        let doubt_from = self.doubted.iter().next().map(|(first, _)| first).into_iter().chain(unheard).min();
        let snapshot = Snapshot { last_id, floor, pts: self.pts(), steady: self.steady, doubt_from };
        Some((snapshot, changed, std::mem::take(&mut self.gone_unstored)))
    }
}

#[cfg(test)]
mod model;
