//! The loop of one partition: read, attribute, append, and now and then a checkpoint or another coin list.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tickertape_attribution::chain::{Chain, Node, Resolved, Seen};
use tickertape_broker::{Ack, BatchBuilder, Broker, Follower, Phase, RecordRef, TopicPartition};
use tickertape_records::{Basis, DeadLetter, MessageHead, Origin, key, topics};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::checkpoint::{self, Header};
use crate::lists::Newer;
use crate::outcome::{Reader, basis};
use crate::recovery::{self, Recovered};
use crate::swaps::Swaps;
use crate::{Error, Options, Progress, READ_BYTES, lists};

/// Outputs appended at once, in bytes: after a pause upstream a batch can be thirty times as much, and those who read
/// need not wait until all of it is attributed.
const APPEND_BYTES: usize = 256 * 1024;
/// Appends waiting for the disk. More than one so that the processor does not wait for it.
const APPENDS_IN_FLIGHT: usize = 16;
/// Inputs between checkpoints: reading that many again takes about a second.
const CHECKPOINT_EVERY: u64 = 500_000;

/// Attributes one partition of `messages` until drained or stopped.
pub async fn run(
    broker: Arc<dyn Broker>,
    partition: u32,
    options: Options,
    progress: Arc<Progress>,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), Error> {
    let input = TopicPartition::new(topics::MESSAGES, partition);
    let Recovered { epoch, chain, next_offset, written, mut swaps } =
        recovery::recover(&broker, &input, &options).await?;

    let known = swaps.schedule().newest().unwrap_or(0);
    let mut newer = Newer::than(known, broker.clone(), options.matching);
    if swaps.schedule().is_empty() {
        let Some(first) = newer.first(&mut phase).await? else { return Ok(()) };
        let (_, ack) = swaps.announce(next_offset, first.version()).await?;
        swaps.confirm(ack).await?;
    }
    let in_force = swaps.schedule().in_force(next_offset).ok_or_else(|| {
        swaps.wrong(format!("no coin list is in force at offset {next_offset}; the log was replaced"))
    })?;
    let ahead = swaps.schedule().ahead_of(next_offset);
    let mut stage = Stage {
        output: TopicPartition::new(topics::ATTRIBUTED, partition),
        dead_letters: TopicPartition::new(topics::DEAD_LETTERS, 0),
        checkpoint: checkpoint::path(&options.checkpoints, partition),
        reader: lists::load(&*broker, in_force, &options.matching).await?,
        swaps,
        ahead: ahead
            .into_iter()
            .map(|(from, version)| Ahead { from, list: List::Recorded(version) })
            .collect(),
        matching: options.matching,
        next_offset,
        written,
        chain,
        resolved: Vec::new(),
        outputs: BatchBuilder::default(),
        in_flight: VecDeque::new(),
        since_checkpoint: 0,
        saving: JoinSet::new(),
        broker: broker.clone(),
        input: input.clone(),
        epoch,
        progress,
    };
    stage.replay().await?;
    // A list that came while nothing ran holds from the first message after everything written.
    if stage.ahead.is_empty()
        && let Some(reader) = newer.look().await?
    {
        stage.announce(reader, stage.next_offset).await?;
    }

    let reading = stage.progress.positions.reading(input.clone(), stage.next_offset);
    let start = Some((epoch, stage.next_offset));
    let mut follower = Follower::open(broker, input, start, READ_BYTES, phase).await?;
    let mut lists = newer.follow();
    loop {
        // One swap at a time: the next is announced when the last has happened, so offsets never fall.
        let batches = tokio::select! {
            biased;
            batches = follower.next() => batches?,
            reader = lists.next(), if stage.ahead.is_empty() => {
                stage.announce(reader?, follower.position()).await?;
                continue;
            }
        };
        let Some(batches) = batches else { break };
        // Behind the batches at hand: while they are attributed, the announcement travels to the disk.
        if stage.ahead.is_empty()
            && let Some(reader) = lists.take()?
        {
            stage.announce(reader, follower.position()).await?;
        }
        for batch in &batches {
            stage.attribute(batch.iter()).await?;
            reading.reached(stage.next_offset);
        }
        while let Some(saved) = stage.saving.try_join_next() {
            saved.expect("saving does not panic")?;
        }
        if stage.since_checkpoint >= CHECKPOINT_EVERY && stage.saving.is_empty() {
            stage.save_checkpoint();
        }
    }
    stage.drain().await
}

/// A coin list that comes into force further on.
struct Ahead {
    /// Offset of the first input that is attributed with it.
    from: u64,
    list: List,
}

enum List {
    /// Announced before this stage started: its version. Built when it is its turn.
    Recorded(u64),
    /// Announced by this stage, and perhaps not on the log yet.
    Announced(Box<Reader>, Ack),
}

struct Stage {
    broker: Arc<dyn Broker>,
    input: TopicPartition,
    output: TopicPartition,
    dead_letters: TopicPartition,
    checkpoint: PathBuf,
    epoch: u64,
    /// The next input to attribute.
    next_offset: u64,
    /// The last output on the log: (input offset, sequence). Nothing up to it is written again.
    written: Option<(u64, u32)>,
    /// Reads texts under the list in force at `next_offset`.
    reader: Reader,
    swaps: Swaps,
    /// The lists that come into force behind `next_offset`, in order.
    ahead: VecDeque<Ahead>,
    matching: tickertape_attribution::Options,
    chain: Chain,
    /// What the newest input resolved: itself first, then revised descendants. Kept for its allocation.
    resolved: Vec<Resolved>,
    /// Empty between batches. Kept for its allocation.
    outputs: BatchBuilder,
    in_flight: VecDeque<Ack>,
    since_checkpoint: u64,
    /// The checkpoint being written, if one is.
    saving: JoinSet<Result<(), Error>>,
    progress: Arc<Progress>,
}

impl Stage {
    /// Rebuilds the chains up to the last output; writes only what a torn append left out.
    async fn replay(&mut self) -> Result<(), Error> {
        let end = self.written.map_or(0, |(offset, _)| offset + 1);
        while self.next_offset < end {
            let batches = self.broker.read(&self.input, self.next_offset, READ_BYTES).await?;
            if batches.is_empty() {
                break; // the input is shorter than its output: the follower names the error
            }
            for batch in &batches {
                self.attribute(batch.iter().take_while(|record| record.offset < end)).await?;
            }
        }
        Ok(())
    }

    /// Decides that `reader`'s list holds from `position` on, or from further on.
    async fn announce(&mut self, reader: Reader, position: u64) -> Result<(), Error> {
        let (from, ack) = self.swaps.announce(position, reader.version()).await?;
        info!(
            partition = self.input.partition,
            version = reader.version(),
            from,
            "a new coin list comes into force"
        );
        self.ahead.push_back(Ahead { from, list: List::Announced(Box::new(reader), ack) });
        Ok(())
    }

    /// Brings the list for the input at `offset` into force. Its swap is on the log when this returns.
    async fn swap(&mut self, offset: u64) -> Result<(), Error> {
        let mut due = None;
        while self.ahead.front().is_some_and(|ahead| ahead.from <= offset) {
            due = self.ahead.pop_front();
        }
        self.reader = match due.map(|ahead| ahead.list) {
            Some(List::Announced(reader, ack)) => {
                self.swaps.confirm(ack).await?;
                *reader
            }
            Some(List::Recorded(version)) => lists::load(&*self.broker, version, &self.matching).await?,
            None => return Ok(()),
        };
        Ok(())
    }

    /// Attributes records in order and appends what comes of them.
    async fn attribute(&mut self, records: impl Iterator<Item = RecordRef<'_>>) -> Result<(), Error> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let mut dead = BatchBuilder::default();
        for record in records {
            if self.ahead.front().is_some_and(|ahead| ahead.from <= record.offset) {
                self.swap(record.offset).await?;
            }
            match MessageHead::decode(record.value) {
                Ok(head) if head.deleted_at.is_some() => self.pass_deletion(&head, &record, &mut outputs),
                Ok(head) => self.attribute_one(&head, &record, &mut outputs).await?,
                Err(reason) => self.bury(&record, &reason.to_string(), &mut dead),
            }
            self.next_offset = record.offset + 1;
            self.since_checkpoint += 1;
            if outputs.bytes() >= APPEND_BYTES {
                self.append(&mut outputs, &mut dead).await?;
            }
        }
        self.progress.evicted.store(self.chain.evicted(), Ordering::Relaxed);
        self.append(&mut outputs, &mut dead).await?;
        self.outputs = outputs;
        Ok(())
    }

    /// Appends all that came of some inputs in one step, waiting for room among those in flight.
    async fn append(&mut self, outputs: &mut BatchBuilder, dead: &mut BatchBuilder) -> Result<(), Error> {
        // Dead letters first: where an append over topics can be torn, the outputs say how far it came, and a letter
        // written again is known by its origin.
        let appends: Vec<_> =
            [(self.dead_letters.clone(), dead.take()), (self.output.clone(), outputs.take())]
                .into_iter()
                .filter(|(_, batch)| !batch.is_empty())
                .collect();
        if appends.is_empty() {
            return Ok(());
        }
        if self.in_flight.len() == APPENDS_IN_FLIGHT
            && let Some(oldest) = self.in_flight.pop_front()
        {
            oldest.await?;
        }
        self.in_flight.push_back(self.broker.append(appends).await?);
        Ok(())
    }

    async fn attribute_one(
        &mut self,
        head: &MessageHead<'_>,
        record: &RecordRef<'_>,
        outputs: &mut BatchBuilder,
    ) -> Result<(), Error> {
        let reply_to = head.reply_to_message_id.map(|id| (head.reply_to_chat_id.unwrap_or(head.chat_id), id));
        let verdict = self.reader.read(&head.text);
        let own = self.reader.own(verdict, &mut self.chain);
        let node = Node {
            chat_id: head.chat_id,
            message_id: head.message_id,
            date: head.date,
            edit_date: head.edit_date,
            reply_to,
            own,
            offset: record.offset,
        };
        let mut resolved = std::mem::take(&mut self.resolved);
        resolved.clear();
        let seen = self.chain.observe(&node, &mut resolved);
        for (sequence, outcome) in (0..).zip(&resolved) {
            if self.written.is_some_and(|written| (record.offset, sequence) <= written) {
                continue;
            }
            if sequence == 0 {
                self.count(seen, outcome);
                self.emit(record.value, outcome, (record.offset, 0), outputs);
            } else {
                self.progress.revised.fetch_add(1, Ordering::Relaxed);
                self.emit_descendant(outcome, (record.offset, sequence), outputs).await?;
            }
        }
        if matches!(seen, Seen::Duplicate | Seen::Stale) {
            self.progress.repeated.fetch_add(1, Ordering::Relaxed);
        }
        self.resolved = resolved;
        Ok(())
    }

    /// Emits an older message again, because an ancestor of it became known or changed. Like every output it is read
    /// under the list in force at the input that caused it, which it names.
    async fn emit_descendant(
        &mut self,
        outcome: &Resolved,
        caused_by: (u64, u32),
        outputs: &mut BatchBuilder,
    ) -> Result<(), Error> {
        let batches = match self.broker.read(&self.input, outcome.offset, 1).await {
            Err(tickertape_broker::Error::OffsetOutOfRange { .. }) => {
                warn!(
                    chat_id = outcome.chat_id,
                    message_id = outcome.message_id,
                    "a message whose ancestor changed was already deleted by retention; its stored coin stays"
                );
                return Ok(());
            }
            read => read?,
        };
        let Some(record) = batches.first().and_then(|batch| batch.iter().next()) else { return Ok(()) };
        let head = MessageHead::decode(record.value).map_err(|reason| Error::Unreadable {
            at: self.input.clone(),
            offset: outcome.offset,
            reason,
        })?;
        self.reader.read(&head.text);
        self.emit(record.value, outcome, caused_by, outputs);
        Ok(())
    }

    /// Writes the record with its outcome; the mentions are those of the text read last.
    fn emit(&self, message: &[u8], outcome: &Resolved, caused_by: (u64, u32), outputs: &mut BatchBuilder) {
        let attribution = self.reader.attribution(outcome, &self.chain, caused_by);
        outputs.push_with(key(outcome.chat_id).as_bytes(), |out| attribution.encode_onto(message, out));
    }

    /// Hands on that a message was deleted, in its place among the messages. The reply chain never hears of it: what
    /// inherited from the message keeps its coin, and a copy of the message that comes later is still news.
    fn pass_deletion(&self, head: &MessageHead<'_>, record: &RecordRef<'_>, outputs: &mut BatchBuilder) {
        if self.written.is_some_and(|written| (record.offset, 0) <= written) {
            return;
        }
        self.progress.deleted.fetch_add(1, Ordering::Relaxed);
        let attribution = self.reader.deletion(record.offset);
        outputs.push_with(key(head.chat_id).as_bytes(), |out| attribution.encode_onto(record.value, out));
    }

    fn bury(&self, record: &RecordRef<'_>, reason: &str, dead: &mut BatchBuilder) {
        if self.written.is_some_and(|(offset, _)| record.offset <= offset) {
            return;
        }
        self.progress.dead_letters.fetch_add(1, Ordering::Relaxed);
        let origin = Origin::Topic {
            topic: self.input.topic.clone(),
            partition: self.input.partition,
            offset: record.offset,
        };
        dead.push_with(b"", |out| DeadLetter::new(origin, reason, record.value).encode_into(out));
    }

    fn count(&self, seen: Seen, outcome: &Resolved) {
        let counter: &AtomicU64 = match (seen, basis(outcome.basis)) {
            (Seen::Edit, _) => &self.progress.revised,
            (_, Basis::Direct) => &self.progress.direct,
            (_, Basis::Inherited) => &self.progress.inherited,
            (_, Basis::Tie) => &self.progress.tie,
            (_, Basis::None) => &self.progress.none,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Saves the chains as they are now, once everything they have seen is on the log: in a task of its own, because
    /// for millions of parents it takes longer than anyone should wait for a message.
    fn save_checkpoint(&mut self) {
        let header = Header { epoch: self.epoch, next_offset: self.next_offset };
        let (path, chain) = (self.checkpoint.clone(), self.chain.clone());
        let outputs = std::mem::take(&mut self.in_flight);
        self.saving.spawn(async move {
            for output in outputs {
                output.await?;
            }
            let save = tokio::task::spawn_blocking(move || checkpoint::save(&path, &header, chain));
            save.await.expect("saving does not panic")
        });
        self.since_checkpoint = 0;
    }

    /// Waits until everything is on the log, with a checkpoint behind the last input.
    async fn drain(mut self) -> Result<(), Error> {
        self.saved().await?;
        if self.since_checkpoint > 0 {
            self.save_checkpoint();
            self.saved().await?;
        }
        Ok(())
    }

    async fn saved(&mut self) -> Result<(), Error> {
        while let Some(saved) = self.saving.join_next().await {
            saved.expect("saving does not panic")?;
        }
        Ok(())
    }
}
