//! One channel, its producer, the log and the ledger, in every order that chance finds.
//!
//! Only what is in the window when it changes, changes; so nothing that is missed may stay missed: in the end the log
//! holds what Telegram does, and at every moment the ledger says no more than the log holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

/// As large as any channel.
const EVERYTHING: i64 = 10_000;
/// Smaller than what is posted while nobody listens.
const FEW: i64 = 6;
/// Messages on a page of history.
const PAGE: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Post,
    SkipIds(i64),
    Edit(usize),
    Delete(usize),
    /// So many of the changes that were not heard yet are heard.
    Hear(usize),
    /// Telegram says that it was too much, and where it is now.
    TooLong,
    /// The list of dialogs, once what it is ahead of was heard.
    Dialogs,
    /// A page is asked for, answered by Telegram, or received.
    Ask,
    Serve,
    Receive,
    /// The log acknowledges so many appends.
    Acknowledge(usize),
    Write,
    /// Of the appends that were not acknowledged, so many are on the log all the same.
    Kill(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Post),
        1 => (1..3_i64).prop_map(Step::SkipIds),
        3 => (0..100_usize).prop_map(Step::Edit),
        3 => (0..100_usize).prop_map(Step::Delete),
        5 => (0..6_usize).prop_map(Step::Hear),
        1 => Just(Step::TooLong),
        1 => Just(Step::Dialogs),
        3 => Just(Step::Ask),
        3 => Just(Step::Serve),
        3 => Just(Step::Receive),
        5 => (0..6_usize).prop_map(Step::Acknowledge),
        4 => Just(Step::Write),
        1 => (0..4_usize).prop_map(Step::Kill),
    ];
    prop::collection::vec(step, 0..120)
}

#[derive(Debug, Clone, Copy)]
enum Change {
    New(i64),
    Edit(i64),
    Delete(i64),
}

/// A record on the log.
#[derive(Debug, Clone, Copy)]
enum Record {
    Message { id: i64, version: i64 },
    Tombstone(i64),
}

/// One append, and what it means once it is acknowledged.
#[derive(Debug, Clone, Default)]
struct Append {
    records: Vec<Record>,
    looked: Option<(i64, i64)>,
    applied: Option<i32>,
}

#[derive(Debug, Clone)]
struct Stored {
    snapshot: Snapshot,
    gaps: BTreeMap<(i64, i64), Gap>,
    gone: Ranges,
    /// How much of the log it tells of.
    end: usize,
}

/// What was asked of Telegram, and the answer once there is one: (id, version).
type Asked = (Fetch, Option<(Vec<(i64, i64)>, bool)>);

struct Model {
    window: i64,
    // Telegram
    messages: BTreeMap<i64, i64>,
    next_id: i64,
    versions: i64,
    changes: Vec<Change>,
    // the producer
    coverage: Coverage,
    /// How many changes were heard, or given up; none before there is a number to go on from.
    heard: Option<usize>,
    asked: Option<Asked>,
    appends: VecDeque<Append>,
    // what survives
    log: Vec<Record>,
    stored: Option<Stored>,
}

impl Model {
    fn new(window: i64) -> Self {
        let mut coverage = Coverage::new(true, window);
        coverage.start_at(1);
        Self {
            window,
            messages: BTreeMap::new(),
            next_id: 1,
            versions: 0,
            changes: Vec::new(),
            coverage,
            heard: None,
            asked: None,
            appends: VecDeque::new(),
            log: Vec::new(),
            stored: None,
        }
    }

    fn nth(&self, nth: usize) -> Option<i64> {
        let young = self.messages.range(self.next_id - self.window..);
        young.clone().nth(nth.checked_rem(young.count())?).map(|(id, _)| *id)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Post => {
                self.messages.insert(self.next_id, 0);
                self.changes.push(Change::New(self.next_id));
                self.next_id += 1;
            }
            Step::SkipIds(count) => self.next_id += count,
            Step::Edit(nth) => {
                if let Some(id) = self.nth(nth) {
                    self.versions += 1;
                    self.messages.insert(id, self.versions);
                    self.changes.push(Change::Edit(id));
                }
            }
            Step::Delete(nth) => {
                if let Some(id) = self.nth(nth) {
                    self.messages.remove(&id);
                    self.changes.push(Change::Delete(id));
                }
            }
            Step::Hear(count) => self.hear(count),
            Step::TooLong if self.heard.is_none() => {}
            Step::TooLong => {
                let top = self.messages.keys().next_back().copied().unwrap_or(0);
                self.coverage.doubt();
                self.coverage.reach(top, Why::TooLong, 0);
                self.coverage.heard(self.changes.len() as i32, top);
                self.heard = Some(self.changes.len());
                self.append(Append { applied: Some(self.changes.len() as i32), ..Append::default() });
            }
            Step::Dialogs => {
                if self.heard.is_some() {
                    self.hear(usize::MAX); // the difference; without a number there is none
                }
                self.heard = Some(self.changes.len());
                self.coverage.anchor();
                let top = self.messages.keys().next_back().copied().unwrap_or(0);
                self.coverage.reach(top, Why::Behind, 0);
                self.coverage.heard(self.changes.len() as i32, top);
                self.append(Append { applied: Some(self.changes.len() as i32), ..Append::default() });
            }
            Step::Ask => {
                if self.asked.is_none() {
                    self.asked = self.coverage.next_fetch().map(|fetch| (fetch, None));
                }
            }
            Step::Serve => self.serve(),
            Step::Receive => self.receive(),
            Step::Acknowledge(count) => {
                for _ in 0..count.min(self.appends.len()) {
                    self.acknowledge();
                }
            }
            Step::Write => self.write(),
            Step::Kill(durable) => self.kill(durable),
        }
    }

    /// A message as it is now, as an update or a difference brings it.
    fn message(&mut self, id: i64, version: i64, append: &mut Append) {
        if self.coverage.hear(id, version, 0) {
            append.records.push(Record::Message { id, version });
        }
    }

    fn hear(&mut self, count: usize) {
        let all = self.changes.len();
        // The first that is pushed is taken for the next one, whatever was before.
        let heard = self.heard.unwrap_or(all.saturating_sub(count));
        let upto = all.min(heard.saturating_add(count));
        let mut append = Append::default();
        for at in heard..upto {
            match self.changes[at] {
                Change::New(id) | Change::Edit(id) => {
                    if let Some(version) = self.messages.get(&id).copied() {
                        self.message(id, version, &mut append);
                    }
                }
                Change::Delete(id) => {
                    if self.coverage.delete(id, 0) {
                        append.records.push(Record::Tombstone(id));
                    }
                }
            }
        }
        if upto > heard {
            self.heard = Some(upto);
            let ids = self.changes[heard..upto].iter().map(|change| match *change {
                Change::New(id) | Change::Edit(id) | Change::Delete(id) => id,
            });
            self.coverage.heard(upto as i32, ids.max().unwrap_or(0));
            append.applied = Some(upto as i32);
            self.append(append);
        }
    }

    fn serve(&mut self) {
        let Some((fetch, answer @ None)) = &mut self.asked else { return };
        let page: Vec<(i64, i64)> =
            self.messages.range(fetch.from..).take(PAGE).map(|(id, version)| (*id, *version)).collect();
        let ended = page.last().is_none_or(|(last, _)| *last >= fetch.to);
        *answer = Some((page.into_iter().filter(|(id, _)| *id <= fetch.to).collect(), ended));
    }

    fn receive(&mut self) {
        self.serve();
        let Some((fetch, Some((page, ended)))) = self.asked.take() else { return };
        let mut append = Append::default();
        for (id, version) in &page {
            self.message(*id, *version, &mut append);
        }
        let found: Vec<i64> = page.iter().map(|(id, _)| *id).collect();
        let settled = self.coverage.answered(fetch, &found, ended);
        append.records.extend(settled.vanished.into_iter().map(Record::Tombstone));
        append.looked = settled.looked;
        self.append(append);
    }

    fn append(&mut self, append: Append) {
        self.appends.push_back(append);
    }

    fn acknowledge(&mut self) {
        let Some(append) = self.appends.pop_front() else { return };
        for record in &append.records {
            self.log.push(*record);
            match record {
                Record::Message { id, .. } => self.coverage.on_log([*id]),
                Record::Tombstone(id) => self.coverage.buried(*id),
            }
        }
        if let Some((from, to)) = append.looked {
            self.coverage.looked(from, to);
        }
        if let Some(pts) = append.applied {
            self.coverage.applied(pts);
        }
    }

    fn write(&mut self) {
        let Some((snapshot, gaps, gone)) = self.coverage.take_changes() else { return };
        let before = self.stored.take();
        let (mut all_gaps, mut all_gone) = before.map(|s| (s.gaps, s.gone)).unwrap_or_default();
        for gap in gaps {
            all_gaps.insert((gap.from, gap.to), gap);
        }
        gone.iter().for_each(|(from, to)| all_gone.insert(from, to));
        self.stored = Some(Stored { snapshot, gaps: all_gaps, gone: all_gone, end: self.log.len() });
    }

    fn kill(&mut self, durable: usize) {
        for append in self.appends.drain(..).take(durable) {
            self.log.extend(append.records);
        }
        self.appends.clear();
        self.asked = None;
        let end = self.stored.as_ref().map_or(0, |stored| stored.end);
        self.coverage = match &self.stored {
            Some(stored) => {
                let open = stored.gaps.values().filter(|gap| !gap.is_closed()).cloned().collect();
                Coverage::restore(true, self.window, &stored.snapshot, open, stored.gone.clone(), 0)
            }
            None => {
                let mut coverage = Coverage::new(true, self.window);
                coverage.start_at(1);
                coverage
            }
        };
        for record in &self.log[end..] {
            let found = match *record {
                Record::Message { id, version } => Found { id, edit_date: version, deleted: false },
                Record::Tombstone(id) => Found { id, edit_date: 0, deleted: true },
            };
            self.coverage.find(found, 0);
        }
        self.heard = self.coverage.pts().map(|pts| pts as usize);
    }

    /// What a reader of the log ends with: id → (version, deleted).
    fn kept(&self) -> BTreeMap<i64, (i64, bool)> {
        let mut kept: BTreeMap<i64, (i64, bool)> = BTreeMap::new();
        for record in &self.log {
            match *record {
                Record::Message { id, version } => {
                    let known = kept.entry(id).or_insert((version, false));
                    known.0 = known.0.max(version);
                }
                Record::Tombstone(id) => {
                    kept.get_mut(&id).expect("a tombstone stands behind its message").1 = true
                }
            }
        }
        kept
    }

    /// The ledger says no more than the log holds.
    fn ledger_is_true(&self) {
        let Some(Stored { snapshot, gaps, gone, .. }) = &self.stored else { return };
        let kept = self.kept();
        let open: BTreeSet<i64> = gaps
            .values()
            .filter(|gap| !gap.is_closed())
            .flat_map(|gap| gap.left.iter())
            .flat_map(|(from, to)| from..=to)
            .collect();
        for id in snapshot.floor..=snapshot.last_id {
            let told = kept.contains_key(&id) || gone.contains(id) || open.contains(&id);
            assert!(told, "{id} is neither on the log nor gone nor in an open gap");
        }
        for (id, (_, deleted)) in kept.iter().filter(|(id, _)| gone.contains(**id)) {
            assert!(deleted, "{id} is told as gone, and its end is not on the log");
        }
        let Some(pts) = snapshot.pts else { return };
        for change in &self.changes[..pts as usize] {
            match *change {
                Change::Delete(id) => {
                    let told = kept.get(&id).is_none_or(|(_, deleted)| *deleted);
                    assert!(told, "the deletion of {id} is behind us and not on the log");
                }
                Change::New(id) | Change::Edit(id) => {
                    let known = id > snapshot.last_id || open.contains(&id) || gone.contains(id);
                    assert!(known || kept.contains_key(&id), "{id} is behind us and not on the log");
                }
            }
        }
    }

    /// Undisturbed from here on.
    fn settle(&mut self) {
        for _ in 0..1000 {
            self.step(Step::Dialogs);
            self.step(Step::Acknowledge(usize::MAX));
            self.step(Step::Ask);
            self.step(Step::Receive);
            self.step(Step::Acknowledge(usize::MAX));
            if self.coverage.is_whole() && self.asked.is_none() {
                break;
            }
        }
        self.write();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn in_whatever_order_nothing_is_lost(steps in steps(), few in any::<bool>()) {
        let mut model = Model::new(if few { FEW } else { EVERYTHING });
        for step in steps {
            model.step(step);
            model.ledger_is_true();
        }
        model.settle();
        model.ledger_is_true();
        prop_assert!(model.coverage.is_whole(), "{:?}", model.coverage);
        let kept = model.kept();
        for (id, version) in &model.messages {
            prop_assert_eq!(kept.get(id), Some(&(*version, false)), "message {}", id);
        }
        for (id, (_, deleted)) in &kept {
            prop_assert!(*deleted != model.messages.contains_key(id), "message {}", id);
        }
        if let Some(stored) = &model.stored {
            prop_assert!(stored.gaps.values().all(Gap::is_closed), "{:?}", stored.gaps);
            prop_assert!(stored.snapshot.doubt_from.is_none());
        }
    }
}
