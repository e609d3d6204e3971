//! What to do about an answer of the cluster, or about none: pure decisions, without I/O and without a clock.
//!
//! Reading. A fetch answers with as many bytes as were asked for, from the start of the batch that holds the offset:
//! its last batch is usually cut. The client crate takes a cut batch for a whole one and goes on behind it, and so
//! loses the rest. Here an answer gives only the whole batches that follow on the expected offset without a hole; the
//! next fetch begins where they ended, with the batch that was cut as its first. If even the first one is cut, the
//! next fetch is larger. What an answer says about the end of the partition is checked against the position, too.
//!
//! Writing. One request of a partition is on its way at a time, and is sent again, the same bytes, until it is
//! acknowledged: nothing overtakes it. A lost answer can so become a duplicate, never a loss and never another order.

use std::time::Duration;

use crate::Offset;

/// First wait before a request is sent again; doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Longest wait before a request is sent again.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// A fetch is not raised beyond this: no cluster takes a batch that does not fit.
const LARGEST_FETCH: usize = 64 * 1024 * 1024;
/// A hole or a cut that is still there after this many looks is damage on the cluster's disk.
const LOOKS: u32 = 5;

/// A batch of a fetch's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Offset of its first record.
    pub(super) first: Offset,
    /// Records its header tells of.
    pub(super) records: u64,
    /// All its bytes are there.
    pub(super) whole: bool,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome<T> {
    /// It was answered.
    Answer(T),
    /// The SPU is not, or no longer, the one that has the partition; or the topic is gone.
    WrongPlace(String),
    /// The SPU refused and would refuse again.
    Refused(String),
    /// The SPU could not do it now.
    Busy(String),
    /// The connection failed, or there was no answer in time: the request was carried out or not.
    Lost(String),
}

impl<T> Outcome<T> {
    /// Why there is no answer.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Answer(_) => None,
            Self::WrongPlace(reason) | Self::Refused(reason) | Self::Busy(reason) | Self::Lost(reason) => {
                Some(reason)
            }
        }
    }

    /// The same of another answer.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Answer(answer) => Outcome::Answer(map(answer)),
            Self::WrongPlace(reason) => Outcome::WrongPlace(reason),
            Self::Refused(reason) => Outcome::Refused(reason),
            Self::Busy(reason) => Outcome::Busy(reason),
            Self::Lost(reason) => Outcome::Lost(reason),
        }
    }
}

/// A fetch's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fetched {
    /// First kept offset.
    pub(super) start: Offset,
    /// Offset of the next record, as far as it may be read.
    pub(super) end: Offset,
    /// In the order of the answer.
    pub(super) batches: Vec<Seen>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next<D> {
    /// It is done.
    Done(D),
    /// Do it again after a wait, on a new connection or on the same.
    Again {
        /// How long to wait.
        after: Duration,
        /// What must be renewed first.
        renew: Renew,
    },
    /// Tell the stage.
    GiveUp(Why),
}

/// What must be renewed before a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renew {
    /// Nothing.
    Nothing,
    /// The connection to the SPU.
    Connection,
    /// The connection, and the knowledge of where the partition is.
    Place,
}

/// Why a stage is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The position is not in the partition.
    OutOfRange {
        /// First kept offset.
        start: Offset,
        /// Offset of the next record.
        end: Offset,
    },
    /// What lies on the cluster has a hole or is cut.
    Damaged(String),
    /// The cluster is away for too long, or refuses.
    Failed(String),
}

/// What a fetch gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// These batches of the answer, an index range; the first may begin before the position.
    Batches(std::ops::Range<usize>),
    /// The position is the end of the partition.
    AtEnd,
}

/// The tries of one request.
#[derive(Debug, Clone)]
pub(super) struct Tries {
    waited: Duration,
    wait: Duration,
    give_up_after: Duration,
    /// Answers that cannot be right.
    wrong: u32,
    /// Times in a row that the SC did not know the partition.
    absent: u32,
}

impl Tries {
    pub(super) fn new(give_up_after: Duration) -> Self {
        Self { waited: Duration::ZERO, wait: FIRST_WAIT, give_up_after, wrong: 0, absent: 0 }
    }

    /// What to do after a try that took `took`.
    fn again<D>(&mut self, took: Duration, renew: Renew, reason: String) -> Next<D> {
        self.waited += took;
        if self.waited >= self.give_up_after {
            return Next::GiveUp(Why::Failed(reason));
        }
        let after = self.wait;
        self.waited += after;
        self.wait = (self.wait * 2).min(LAST_WAIT);
        Next::Again { after, renew }
    }

    /// Decides about any request but a fetch: what is answered is done.
    pub(super) fn decide<T>(&mut self, outcome: Outcome<T>, took: Duration) -> Next<T> {
        match outcome {
            Outcome::Answer(answer) => Next::Done(answer),
            Outcome::Refused(reason) => Next::GiveUp(Why::Failed(reason)),
            Outcome::WrongPlace(reason) => self.again(took, Renew::Place, reason),
            Outcome::Busy(reason) => self.again(took, Renew::Nothing, reason),
            Outcome::Lost(reason) => self.again(took, Renew::Connection, reason),
        }
    }

    /// Whether the partition is gone: an SC that has just started does not know yet what there is, so it is believed
    /// when it keeps to it.
    pub(super) fn is_gone<E>(&mut self, has: Result<bool, E>) -> bool {
        match has {
            Ok(false) => self.absent += 1,
            Ok(true) => self.absent = 0,
            Err(_) => {}
        }
        self.absent >= LOOKS
    }

    /// Decides about a fetch at `next` of `max_bytes`, which it may raise.
    pub(super) fn decide_fetch(
        &mut self,
        next: Offset,
        max_bytes: &mut usize,
        outcome: Outcome<Fetched>,
        took: Duration,
    ) -> Next<Read> {
        let fetched = match self.decide(outcome, took) {
            Next::Done(fetched) => fetched,
            Next::Again { after, renew } => return Next::Again { after, renew },
            Next::GiveUp(why) => return Next::GiveUp(why),
        };
        let Fetched { start, end, batches } = fetched;
        if next < start {
            return Next::GiveUp(Why::OutOfRange { start, end });
        }
        if next > end {
            // An SPU that has just started knows what it holds before it knows how much of it may be read.
            return self.look_again(took, Why::OutOfRange { start, end });
        }
        if next == end {
            return Next::Done(Read::AtEnd);
        }
        let first = batches.iter().take_while(|batch| batch.first + batch.records <= next).count();
        let mut reached = next;
        let mut behind = first;
        for batch in &batches[first..] {
            let follows = if behind == first { batch.first <= next } else { batch.first == reached };
            if !follows || !batch.whole || batch.records == 0 {
                break;
            }
            reached = batch.first + batch.records;
            behind += 1;
        }
        if behind > first {
            return Next::Done(Read::Batches(first..behind));
        }
        let cut = batches.get(first).is_none_or(|batch| batch.first <= next && !batch.whole);
        if cut && *max_bytes < LARGEST_FETCH {
            *max_bytes = (*max_bytes * 2).min(LARGEST_FETCH);
            return Next::Again { after: Duration::ZERO, renew: Renew::Nothing };
        }
        let why = match batches.get(first) {
            Some(batch) if batch.first > next => format!("the next batch begins at {}", batch.first),
            _ => "its batch does not come whole".into(),
        };
        self.look_again(took, Why::Damaged(why))
    }

    /// An answer that cannot be right is believed when it stays the same.
    fn look_again(&mut self, took: Duration, why: Why) -> Next<Read> {
        self.wrong += 1;
        if self.wrong >= LOOKS {
            return Next::GiveUp(why);
        }
        match self.again(took, Renew::Connection, String::new()) {
            Next::GiveUp(_) => Next::GiveUp(why),
            again => again,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: usize = 61;
    const LONG: Duration = Duration::from_secs(300);

    fn whole(first: Offset, records: u64) -> Seen {
        Seen { first, records, whole: true }
    }

    fn cut(first: Offset, records: u64) -> Seen {
        Seen { whole: false, ..whole(first, records) }
    }

    fn fetch(next: Offset, end: Offset, batches: Vec<Seen>) -> Next<Read> {
        let answer = Outcome::Answer(Fetched { start: 0, end, batches });
        Tries::new(LONG).decide_fetch(next, &mut 1000, answer, Duration::ZERO)
    }

    fn batches(range: std::ops::Range<usize>) -> Next<Read> {
        Next::Done(Read::Batches(range))
    }

    /// Shapes seen on a real cluster, where the client crate lost records.
    mod recorded {
        use super::*;

        #[test]
        fn the_last_batch_of_an_answer_is_cut() {
            assert_eq!(fetch(0, 900, vec![whole(0, 300), whole(300, 300), cut(600, 300)]), batches(0..2));
            assert_eq!(
                fetch(600, 900, vec![whole(600, 300)]),
                batches(0..1),
                "then it comes first, and whole"
            );
        }

        #[test]
        fn the_stream_jumps_by_the_rest_of_a_cut_batch() {
            // 250 of 300 were read, the next answer begins behind the batch
            let Next::Again { renew, .. } = fetch(250, 900, vec![whole(300, 300)]) else {
                panic!("delivered")
            };
            assert_eq!(renew, Renew::Connection);
            assert_eq!(fetch(250, 900, vec![whole(0, 300), whole(300, 300)]), batches(0..2));
        }

        #[test]
        fn the_stream_jumps_after_a_reconnect() {
            assert_eq!(
                fetch(100, 900, vec![whole(100, 10), whole(143, 10)]),
                batches(0..1),
                "33 are missing"
            );
            assert!(matches!(fetch(110, 900, vec![whole(143, 10)]), Next::Again { .. }));
        }

        #[test]
        fn the_tail_stays_invisible_until_the_next_record() {
            // the partition ends at 900, and the answer holds nothing of it
            let mut max_bytes = 1000;
            let answer = Outcome::Answer(Fetched { start: 0, end: 900, batches: vec![] });
            let next = Tries::new(LONG).decide_fetch(600, &mut max_bytes, answer, Duration::ZERO);
            assert_eq!(
                (next, max_bytes),
                (Next::Again { after: Duration::ZERO, renew: Renew::Nothing }, 2000)
            );
        }

        #[test]
        fn a_batch_larger_than_the_fetch_raises_it() {
            let mut max_bytes = 1000;
            let answer = Outcome::Answer(Fetched { start: 0, end: 900, batches: vec![cut(300, 600)] });
            let next = Tries::new(LONG).decide_fetch(500, &mut max_bytes, answer, Duration::ZERO);
            assert_eq!(
                (next, max_bytes),
                (Next::Again { after: Duration::ZERO, renew: Renew::Nothing }, 2000)
            );
        }

        #[test]
        fn a_restarted_spu_knows_a_shorter_end_for_a_moment() {
            assert!(matches!(fetch(900, 850, vec![]), Next::Again { renew: Renew::Connection, .. }));
        }
    }

    #[test]
    fn what_is_outside_is_told_at_once_or_when_it_stays() {
        let answer = |start, end| Outcome::Answer(Fetched { start, end, batches: vec![] });
        let mut tries = Tries::new(LONG);
        assert_eq!(
            tries.decide_fetch(4, &mut 1, answer(5, 9), Duration::ZERO),
            Next::GiveUp(Why::OutOfRange { start: 5, end: 9 })
        );
        let mut last = tries.decide_fetch(10, &mut 1, answer(5, 9), Duration::ZERO);
        for _ in 1..LOOKS {
            assert!(matches!(last, Next::Again { .. }));
            last = tries.decide_fetch(10, &mut 1, answer(5, 9), Duration::ZERO);
        }
        assert_eq!(last, Next::GiveUp(Why::OutOfRange { start: 5, end: 9 }));
        assert_eq!(fetch(9, 9, vec![]), Next::Done(Read::AtEnd));
    }

    #[test]
    fn a_hole_that_stays_is_damage() {
        let mut tries = Tries::new(LONG);
        let mut look = || {
            let answer = Outcome::Answer(Fetched { start: 0, end: 9, batches: vec![whole(5, 4)] });
            tries.decide_fetch(2, &mut 1000, answer, Duration::ZERO)
        };
        for _ in 1..LOOKS {
            assert!(matches!(look(), Next::Again { .. }));
        }
        assert!(matches!(look(), Next::GiveUp(Why::Damaged(_))));
    }

    #[test]
    fn every_outcome_has_its_remedy_and_an_end() {
        let reason = || "reason".to_owned();
        let outcomes = [
            (Outcome::WrongPlace(reason()), Renew::Place),
            (Outcome::Busy(reason()), Renew::Nothing),
            (Outcome::Lost(reason()), Renew::Connection),
        ];
        for (outcome, expected) in outcomes {
            let mut tries = Tries::new(Duration::from_secs(10));
            let mut waited = Duration::ZERO;
            let mut waits = Vec::new();
            let end = loop {
                match tries.decide::<()>(outcome.clone(), Duration::from_millis(100)) {
                    Next::Again { after, renew } => {
                        assert_eq!(renew, expected);
                        waited += after + Duration::from_millis(100);
                        waits.push(after);
                    }
                    other => break other,
                }
            };
            assert_eq!(end, Next::GiveUp(Why::Failed(reason())));
            assert!(waited >= Duration::from_secs(9) && waited < Duration::from_secs(12), "{waited:?}");
            assert!(
                waits.is_sorted() && waits[0] == FIRST_WAIT && waits.last() == Some(&LAST_WAIT),
                "{waits:?}"
            );
        }
        let mut tries = Tries::new(LONG);
        assert_eq!(tries.decide(Outcome::Answer(7), LONG), Next::Done(7));
        let refused = tries.decide::<()>(Outcome::Refused(reason()), Duration::ZERO);
        assert_eq!(refused, Next::GiveUp(Why::Failed(reason())));
    }

    #[test]
    fn a_partition_is_gone_when_the_sc_keeps_to_it() {
        let mut tries = Tries::new(LONG);
        let answers = [Ok(false), Ok(false), Ok(true), Ok(false), Err(()), Ok(false), Ok(false), Ok(false)];
        assert!(answers.into_iter().all(|has| !tries.is_gone(has)));
        assert!(tries.is_gone::<()>(Ok(false)));
    }

    /// A partition, and an SPU that answers from it as the real one does.
    #[derive(Debug, Clone)]
    struct Spu {
        /// Records and bytes of each batch.
        log: Vec<(u64, usize)>,
    }

    impl Spu {
        fn end(&self) -> Offset {
            self.log.iter().map(|(records, _)| records).sum()
        }

        /// From the batch that holds `next`, `max_bytes`; the client shows a batch as soon as its header is there.
        fn answer(&self, next: Offset, max_bytes: usize) -> Fetched {
            let mut first = 0;
            let mut room = max_bytes;
            let mut batches = Vec::new();
            for &(records, bytes) in &self.log {
                if first + records > next {
                    if room < HEADER {
                        break;
                    }
                    batches.push(Seen { first, records, whole: room >= HEADER + bytes });
                    room = room.saturating_sub(HEADER + bytes);
                }
                first += records;
            }
            Fetched { start: 0, end: self.end(), batches }
        }
    }

    /// What may go wrong with one answer.
    #[derive(Debug, Clone, Copy)]
    enum Fault {
        Silence,
        Moved,
        /// The answer begins this many batches late.
        Jump(usize),
        /// A batch in the middle is missing.
        Hole(usize),
        /// The SPU has just started and believes the partition ends this many records early.
        ShortEnd(u64),
    }

    fn faults() -> impl Strategy<Value = Vec<Option<Fault>>> {
        let fault = prop_oneof![
            Just(Fault::Silence),
            Just(Fault::Moved),
            (1..4usize).prop_map(Fault::Jump),
            (0..4usize).prop_map(Fault::Hole),
            (1..50u64).prop_map(Fault::ShortEnd),
        ];
        prop::collection::vec(prop::option::weighted(0.4, fault), 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever is cut, late or lost: every record is read, once, in order.
        #[test]
        fn everything_is_read_exactly_once(
            log in prop::collection::vec((1..40u64, 1..3000usize), 1..40),
            mut max_bytes in 1..4000usize,
            from in 0.0..1.0f64,
            faults in faults(),
        ) {
            let spu = Spu { log };
            let mut next = (spu.end() as f64 * from) as u64;
            let mut faults = faults.into_iter();
            let mut wrong_in_a_row = 0;
            let mut tries = Tries::new(LONG);
            loop {
                // Five wrong answers in a row are believed, which is tested above.
                let fault = faults.next().flatten().filter(|_| wrong_in_a_row < LOOKS - 1);
                let mut answer = spu.answer(next, max_bytes);
                let outcome = match fault {
                    None => Outcome::Answer(answer),
                    Some(Fault::Silence) => Outcome::Lost("silence".into()),
                    Some(Fault::Moved) => Outcome::WrongPlace("moved".into()),
                    Some(Fault::Jump(by)) => {
                        answer.batches.drain(..by.min(answer.batches.len()));
                        Outcome::Answer(answer)
                    }
                    Some(Fault::Hole(at)) => {
                        if at < answer.batches.len() { answer.batches.remove(at); }
                        Outcome::Answer(answer)
                    }
                    Some(Fault::ShortEnd(by)) => {
                        // Never shorter than what was read: that is a wrong answer, and looked at again.
                        answer.end = answer.end.saturating_sub(by);
                        Outcome::Answer(answer)
                    }
                };
                let shown = match &outcome { Outcome::Answer(answer) => Some(answer.clone()), _ => None };
                match tries.decide_fetch(next, &mut max_bytes, outcome, Duration::ZERO) {
                    Next::Done(Read::Batches(range)) => {
                        let given = &shown.expect("an answer").batches[range];
                        prop_assert!(!given.is_empty());
                        prop_assert!(given[0].first <= next, "nothing is skipped");
                        for batch in given {
                            prop_assert!(batch.whole);
                            prop_assert!(batch.first <= next && batch.first + batch.records > next);
                            next = batch.first + batch.records;
                        }
                        tries = Tries::new(LONG);
                        wrong_in_a_row = 0;
                    }
                    Next::Done(Read::AtEnd) => {
                        if shown.expect("an answer").end == spu.end() { break; }
                    }
                    Next::Again { .. } => wrong_in_a_row += u32::from(fault.is_some()),
                    Next::GiveUp(why) => prop_assert!(false, "gave up at {next} of {}: {why:?}", spu.end()),
                }
            }
            prop_assert_eq!(next, spu.end());
        }
    }
}
