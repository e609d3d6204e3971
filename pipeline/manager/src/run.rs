//! The loop: take in what lies on the topics, decide, store, then send.
//!
//! In this order and never another: what was decided is stored with the positions of the records that caused it, in
//! one transaction; only then do its instructions go onto their topic, and only then are they marked as sent. A
//! manager killed in between appends them again under the same ids, which producers know.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tickertape_broker::{BatchBuilder, Broker, Phase, TopicPartition};
use tickertape_records::{PreviewMessage, topics};
use tokio::sync::watch;

use crate::activity::Activity;
use crate::decide::{Event, Number, Open, State, Wish, WishKind};
use crate::inbox::{Inbox, Record};
use crate::relevance::Scale;
use crate::store::{self, Commit, Loaded, Store};
use crate::{Error, Options, lists, wishes};

/// Records that one transaction covers at most.
const RECORDS: usize = 500;
/// Previews weighed again at once when the coin list has changed.
const PREVIEWS: i64 = 200;
/// How long to wait for a database that is away; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tells the time in Unix seconds. Injected, so that tests can tell another.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clock on the wall.
pub fn wall_clock() -> Clock {
    use std::time::{SystemTime, UNIX_EPOCH};
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64))
}

/// Manages accounts and channels until the process stops, or until all is read when it drains.
///
/// The database's tables are those of `migrations/`. While the database is away it waits and tries again.
///
/// # Errors
/// When the log or the database refuses for good, see [`Error`]; what was stored stays.
pub async fn run(
    broker: Arc<dyn Broker>,
    pool: PgPool,
    options: Options,
    clock: Clock,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), Error> {
    options.check()?;
    let mut pause = FIRST_PAUSE;
    loop {
        // The state in memory may be ahead of what is stored, so each attempt begins with what is.
        let mut progress = false;
        let attempt = session(&broker, &pool, &options, &clock, phase.clone(), &mut progress).await;
        match attempt {
            Err(error) if error.is_transient() && *phase.borrow() != Phase::Stopping => {
                if progress {
                    pause = FIRST_PAUSE;
                }
                tracing::warn!(%error, ?pause, "the manager goes on from what is stored");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = phase.wait_for(|phase| *phase == Phase::Stopping) => return Err(error),
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            ended => return ended,
        }
    }
}

async fn session(
    broker: &Arc<dyn Broker>,
    pool: &PgPool,
    options: &Options,
    clock: &Clock,
    mut phase: watch::Receiver<Phase>,
    progress: &mut bool,
) -> Result<(), Error> {
    let Loaded { store, stored, positions, unsent, weighed_under } = Store::open(pool.clone()).await?;
    let list = lists::newest(&**broker, None).await?;
    let list = list.ok_or(Error::CoinList { version: 0, reason: "there is none".into() })?;
    let mut manager = Manager {
        inbox: Inbox::open(broker.clone(), &positions, &phase).await?,
        activity: Activity::new(broker.clone()),
        scale: Scale::new(&list, options)?,
        list: list.version,
        weigh_again: (weighed_under != list.version).then_some(0),
        weighed_under,
        state: State::new(options.clone(), stored),
        configured: false,
        broker: broker.clone(),
        pool: pool.clone(),
        clock: clock.clone(),
        store,
    };
    manager.send(&unsent).await?;
    *progress = true;
    loop {
        // Looked at before reading: what was appended before draining began is then certainly seen.
        let wanted = *phase.borrow_and_update();
        if wanted == Phase::Stopping {
            return Ok(());
        }
        if manager.take_in().await? == RECORDS {
            continue; // decisions wait until all that is known is taken in
        }
        let more = manager.decide().await?;
        if more {
            continue;
        }
        if wanted == Phase::Draining {
            return Ok(());
        }
        tokio::select! {
            waited = manager.inbox.wait() => waited?,
            () = tokio::time::sleep(Duration::from_secs(options.tick_seconds)) => {}
            changed = phase.changed() => if changed.is_err() {
                return Ok(()); // whoever could tell us to go on is gone
            },
        }
    }
}

struct Manager {
    broker: Arc<dyn Broker>,
    pool: PgPool,
    clock: Clock,
    store: Store,
    state: State,
    inbox: Inbox,
    activity: Activity,
    scale: Scale,
    /// The version of the coin list of the scale.
    list: u64,
    /// The version under which every stored preview was weighed.
    weighed_under: u64,
    /// Previews behind this channel are to be weighed again.
    weigh_again: Option<Number>,
    /// The channels of the configuration were looked at.
    configured: bool,
}

impl Manager {
    /// Takes in what is there, in one transaction; returns how many records.
    async fn take_in(&mut self) -> Result<usize, Error> {
        let now = (self.clock)();
        let mut commit = Commit::default();
        let mut records = 0;
        while records < RECORDS
            && let Some((at, position, time, record)) = self.inbox.next(now).await?
        {
            records += 1;
            match commit.positions.iter_mut().find(|(of, _)| *of == at) {
                Some((_, before)) => *before = position,
                None => commit.positions.push((at, position)),
            }
            match record {
                Some(Record::Report(report)) => self.state.observe(Event::Report(report), time),
                Some(Record::Observed(seen)) => self.state.observe(Event::Observed(seen), time),
                Some(Record::Linked(link)) => {
                    let mut preview = link.preview.clone().filter(|preview| preview.unavailable.is_none());
                    if let Some(preview) = &mut preview
                        && preview.messages.is_empty()
                    {
                        preview.messages = self.messages_before(&link.link, &commit).await?;
                    }
                    let verdict =
                        preview.as_ref().map(|preview| self.scale.weigh(preview, self.state.options()));
                    let name = link.link.clone();
                    self.state.observe(Event::Linked(*link, verdict), time);
                    if let (Some(channel), Some(preview)) = (self.state.channel_of_link(&name), preview) {
                        commit.previews.push((channel.number, preview));
                    }
                }
                None => {}
            }
        }
        self.save(commit).await?;
        Ok(records)
    }

    /// The messages of the newest look at a link that had any. Each goes out with the first sighting alone, and an account
    /// that sees the link again says only where it leads.
    async fn messages_before(&self, link: &str, commit: &Commit) -> Result<Vec<PreviewMessage>, Error> {
        let Some(channel) = self.state.channel_of_link(link) else { return Ok(Vec::new()) };
        let number = channel.number;
        let unsaved = commit.previews.iter().rev().find(|(of, _)| *of == number);
        if let Some((_, preview)) = unsaved {
            return Ok(preview.messages.clone());
        }
        Ok(store::preview(&self.pool, number).await?.map(|preview| preview.messages).unwrap_or_default())
    }

    /// Looks at everything that is no record, and at the clock; true when there is more to look at right away.
    async fn decide(&mut self) -> Result<bool, Error> {
        let now = (self.clock)();
        let mut commit = Commit::default();
        self.configure(now);
        for (id, wish) in self.store.open_wishes().await? {
            let outcome = match serde_json::from_str::<Wish>(&wish) {
                Ok(wish) => self.state.wish(&wish, now),
                Err(error) => format!("not understood: {error}"),
            };
            commit.wishes.push((id, outcome));
        }
        self.change_list().await?;
        let more = self.weigh_some(now).await?;
        let options = self.state.options();
        let (every, window) = (options.activity_seconds, options.inactive_seconds);
        let heard = self.activity.ask(&self.store, self.state.followed_chats(), now, every, window).await?;
        if let Some(heard) = heard {
            for (chat_id, last_message_at) in heard.newest {
                self.state.observe(Event::Activity { chat_id, last_message_at }, now);
            }
            self.state.observe(Event::ActivityKnown(heard.until), now);
        }
        self.state.tick(now);
        self.save(commit).await?;
        Ok(more)
    }

    fn configure(&mut self, now: i64) {
        if std::mem::replace(&mut self.configured, true) {
            return;
        }
        for text in self.state.options().channels.clone() {
            match wishes::target(&text) {
                Ok(target) => {
                    self.state.wish(&Wish { kind: WishKind::Configure, target }, now);
                }
                Err(error) => tracing::warn!(%error, "in [manager] channels"),
            }
        }
    }

    /// Takes the newest coin list. One that cannot be used changes nothing.
    async fn change_list(&mut self) -> Result<(), Error> {
        let Some(list) = lists::newest(&*self.broker, Some(self.list)).await? else { return Ok(()) };
        match self.scale.change_list(&list, self.state.options()) {
            Ok(()) => self.weigh_again = Some(0),
            Err(error) => tracing::warn!(%error, "the old coin list stays"),
        }
        self.list = list.version;
        Ok(())
    }

    /// Weighs some previews again; true when there are more.
    async fn weigh_some(&mut self, now: i64) -> Result<bool, Error> {
        let Some(after) = self.weigh_again else { return Ok(false) };
        let previews = store::previews(&self.pool, after, PREVIEWS).await?;
        self.weigh_again = previews.last().map(|&(number, _)| number);
        for (number, preview) in previews {
            let verdict = self.scale.weigh(&preview, self.state.options());
            self.state.observe(Event::Weighed(number, verdict), now);
        }
        if self.weigh_again.is_none() {
            self.weighed_under = self.list;
        }
        Ok(self.weigh_again.is_some())
    }

    /// Stores, then sends.
    async fn save(&mut self, mut commit: Commit) -> Result<(), Error> {
        commit.changes = self.state.take_changes();
        if commit.is_empty() && self.store.weighed_under() == self.weighed_under {
            return Ok(());
        }
        self.store.save(&self.state, &commit, self.weighed_under).await?;
        self.send(&commit.changes.issued).await
    }

    async fn send(&self, instructions: &[Open]) -> Result<(), Error> {
        if instructions.is_empty() {
            return Ok(());
        }
        let mut batch = BatchBuilder::default();
        for instruction in instructions {
            let record = instruction.record(self.store.name());
            batch.push_with(record.account.as_bytes(), |out| record.encode_into(out));
        }
        let at = TopicPartition::new(topics::INSTRUCTIONS, 0);
        self.broker.append(vec![(at, batch)]).await?.await?;
        let numbers: Vec<Number> = instructions.iter().map(|instruction| instruction.number).collect();
        self.store.sent(&numbers).await
    }
}
