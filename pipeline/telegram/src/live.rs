//! The one place of an account where messages are judged: heard live or read from history, they come here in turn, are
//! compared with what is known of their chat, and go to the log.
//!
//! One task owns all of it, so a page of history never overtakes a deletion that was heard while it was on its way.
//! It waits for nothing but the log: requests to Telegram and writes to the ledger run beside it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use grammers_client::tl;
use sqlx::PgPool;
use tickertape_broker::{Broker, Phase};
use tickertape_records::peer;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use crate::backfill::{self, FirstBackfill, Page};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::convert::{self, Converted, Origin, People};
use crate::coverage::{Coverage, Fetch, Why};
use crate::error::{Error, Result};
use crate::ledger::{self, Changes, Ends};
use crate::outgoing::{Meaning, Outgoing, Partitions};
use crate::posts::Posts;
use crate::progress::Progress;
use crate::tail::Tail;
use crate::updates::{Heard, Packet};

/// Packets judged together, so that a burst is one append.
const PACKETS_AT_ONCE: usize = 256;
/// Appends that may wait for their acknowledgement.
const APPENDS_AT_ONCE: usize = 64;
/// Pages of history asked for at once: more only brings flood waits.
const PAGES_AT_ONCE: usize = 4;
/// How often gaps are looked for and the ledger is written.
const TICK: Duration = Duration::from_millis(100);
/// How long to stay quiet after history could not be had.
const PAUSE: Duration = Duration::from_secs(1);
/// Ids of basic groups remembered, because their deletions do not name the group.
const GROUP_IDS: usize = 100_000;

/// What is fixed for as long as the account runs.
pub(crate) struct Setting {
    pub(crate) account: String,
    pub(crate) connection: Arc<Connection>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
    pub(crate) partitions: Partitions,
    pub(crate) first: FirstBackfill,
    pub(crate) window: i64,
    pub(crate) progress: Arc<Progress>,
    /// Asks for a sweep.
    pub(crate) sweep: watch::Sender<u64>,
}

/// A chat and what is known of it.
struct Chat {
    coverage: Coverage,
    facts: Option<convert::ChatFacts>,
    /// Why Telegram does not give its history.
    refused: Option<String>,
    /// A request about it is on its way.
    asking: bool,
}

/// What was asked, and the answer.
enum Answer {
    Page(Fetch, Result<Page>),
    Start(Result<i64>),
}

/// The desk at which everything is judged.
pub(crate) struct Desk {
    setting: Setting,
    chats: BTreeMap<i64, Chat>,
    /// Message id → basic group.
    groups: BTreeMap<i64, i64>,
    posts: Posts,
    appends: FuturesOrdered<BoxFuture<'static, Result<Meaning>>>,
    asked: FuturesUnordered<BoxFuture<'static, (i64, Answer)>>,
    /// Nothing is asked before this moment.
    ask_from: Instant,
    /// The chat asked last, so that each has its turn.
    turn: i64,
    /// Where the log goes on behind what was acknowledged, by topic and partition; those not written yet.
    ends: Ends,
}

impl Desk {
    /// Takes up the chats where the ledger and the end of the log leave them.
    pub(crate) fn new(setting: Setting, chats: HashMap<i64, Coverage>, tail: Tail) -> Self {
        let chats = chats
            .into_iter()
            .map(|(id, coverage)| (id, Chat { coverage, facts: None, refused: None, asking: false }))
            .collect();
        let now = (setting.clock)();
        let mut desk = Self {
            setting,
            chats,
            groups: BTreeMap::new(),
            posts: Posts::default(),
            appends: FuturesOrdered::new(),
            asked: FuturesUnordered::new(),
            ask_from: Instant::now(),
            turn: 0,
            ends: tail.ends,
        };
        if desk.setting.connection.session().is_bot() {
            desk.chats.values_mut().for_each(|chat| chat.coverage.anchor()); // nothing else does
        }
        for (chat_id, found) in tail.found {
            for found in found {
                if !ledger::is_dense(chat_id) {
                    desk.groups.insert(found.id, chat_id);
                }
                desk.chat(chat_id).coverage.find(found, now);
            }
        }
        desk
    }

    /// Channel → the number up to which its changes are on the log.
    pub(crate) fn numbers(&self) -> HashMap<i64, i32> {
        let channels = self.chats.iter().filter(|(id, _)| ledger::is_dense(**id));
        channels.filter_map(|(id, chat)| Some((peer::bare(*id), chat.coverage.pts()?))).collect()
    }

    /// Judges what is heard until told to stop; then waits for the log and writes the ledger.
    pub(crate) async fn run(
        mut self,
        mut heard: mpsc::Receiver<Heard>,
        mut phase: watch::Receiver<Phase>,
    ) -> Result<()> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut writing: Option<BoxFuture<'static, ()>> = None;
        let mut told = Vec::with_capacity(PACKETS_AT_ONCE);
        while *phase.borrow_and_update() != Phase::Stopping {
            tokio::select! {
                count = heard.recv_many(&mut told, PACKETS_AT_ONCE), if self.appends.len() < APPENDS_AT_ONCE => {
                    if count == 0 {
                        break; // the account is gone; whoever heard it says why
                    }
                    let mut outgoing = Outgoing::new(self.setting.partitions);
                    for heard in told.drain(..) {
                        self.judge(heard, &mut outgoing);
                    }
                    self.send(outgoing).await?;
                }
                Some(meaning) = self.appends.next() => self.learned(meaning?),
                Some((chat_id, answer)) = self.asked.next() => {
                    let mut outgoing = Outgoing::new(self.setting.partitions);
                    self.answered(chat_id, answer, &mut outgoing)?;
                    self.send(outgoing).await?;
                    self.ask();
                }
                () = async { writing.as_mut().expect("polled only when there is one").await },
                    if writing.is_some() => writing = None,
                _ = tick.tick() => {
                    self.ask();
                    self.look();
                    if writing.is_none() {
                        writing = self.write();
                    }
                }
                changed = phase.changed() => if changed.is_err() { break },
            }
        }
        while let Some(meaning) = self.appends.next().await {
            self.learned(meaning?);
        }
        if let Some(writing) = writing {
            writing.await;
        }
        if let Some(last) = self.write() {
            last.await;
        }
        Ok(())
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<()> {
        if !outgoing.is_empty() {
            let append = outgoing.append(&*self.setting.broker).await?;
            self.appends.push_back(Box::pin(append));
        }
        Ok(())
    }

    fn learned(&mut self, meaning: Meaning) {
        for (chat_id, id) in meaning.messages {
            if let Some(chat) = self.chats.get_mut(&chat_id) {
                chat.coverage.on_log([id]);
            }
        }
        for (chat_id, id) in meaning.buried {
            if let Some(chat) = self.chats.get_mut(&chat_id) {
                chat.coverage.buried(id);
            }
        }
        for (chat_id, from, to) in meaning.looked {
            if let Some(chat) = self.chats.get_mut(&chat_id) {
                chat.coverage.looked(from, to);
            }
        }
        for (chat_id, pts) in meaning.applied {
            if let Some(chat) = self.chats.get_mut(&chat_id) {
                chat.coverage.applied(pts);
            }
        }
        for (topic, partition, end) in meaning.ends {
            self.ends.insert((topic, partition), end);
        }
    }

    fn judge(&mut self, heard: Heard, outgoing: &mut Outgoing) {
        let now = (self.setting.clock)();
        match heard {
            Heard::Packet(packet) => self.packet(packet, outgoing),
            Heard::Dialog { chat, top_message, pts } => {
                let Some(facts) = convert::chat_facts(&chat) else { return };
                let chat_id = facts.chat_id;
                let chat = self.chat(chat_id);
                chat.facts = Some(facts);
                if chat.refused.take().is_some() {
                    chat.coverage.restate();
                }
                if pts.is_some() {
                    chat.coverage.anchor();
                }
                chat.coverage.reach(i64::from(top_message), Why::Behind, now);
                if let Some(pts) = pts {
                    chat.coverage.heard(pts, i64::from(top_message));
                    outgoing.meaning.applied.push((chat_id, pts));
                }
            }
            Heard::TooLong { channel_id, top_message, pts } => {
                let chat_id = peer::channel(channel_id);
                let chat = self.chat(chat_id);
                // In this order: what is new will be read as it is now, what was there before may have changed.
                chat.coverage.doubt();
                chat.coverage.reach(i64::from(top_message), Why::TooLong, now);
                chat.coverage.heard(pts, i64::from(top_message));
                outgoing.meaning.applied.push((chat_id, pts));
            }
            Heard::Refused { channel_id, error } => {
                let chat_id = peer::channel(channel_id);
                self.refused(chat_id, &error);
                self.chat(chat_id).coverage.adrift();
            }
            Heard::Swept => Progress::add(&self.setting.progress.sweeps, 1),
        }
    }

    fn packet(&mut self, packet: Packet, outgoing: &mut Outgoing) {
        let mut people = People::new(&packet.users, &packet.chats);
        for facts in people.chats() {
            if let Some(chat) = self.chats.get_mut(&facts.chat_id)
                && chat.facts.as_ref() != Some(facts)
            {
                chat.facts = Some(facts.clone());
            }
        }
        for (update, pts) in packet.updates {
            use tl::enums::Update as U;
            let change = match update {
                U::NewChannelMessage(tl::types::UpdateNewChannelMessage { message, .. })
                | U::EditChannelMessage(tl::types::UpdateEditChannelMessage { message, .. })
                | U::NewMessage(tl::types::UpdateNewMessage { message, .. })
                | U::EditMessage(tl::types::UpdateEditMessage { message, .. }) => {
                    let chat = self.message(&message, &mut people, packet.at, outgoing);
                    chat.map(|chat_id| (chat_id, message.id()))
                }
                U::DeleteChannelMessages(deleted) => {
                    let chat_id = peer::channel(deleted.channel_id);
                    self.deleted(chat_id, &deleted.messages, &mut people, packet.at, outgoing);
                    Some((chat_id, deleted.messages.into_iter().max().unwrap_or(0)))
                }
                U::DeleteMessages(deleted) => {
                    for id in deleted.messages {
                        if let Some(group) = self.groups.remove(&i64::from(id)) {
                            self.deleted(group, &[id], &mut people, packet.at, outgoing);
                        }
                    }
                    None
                }
                U::PinnedChannelMessages(pins) => {
                    let chat_id = peer::channel(pins.channel_id);
                    if !pins.pinned {
                        self.unpinned(chat_id, &pins, &mut people, packet.at, outgoing);
                    }
                    Some((chat_id, 0))
                }
                U::Channel(changed) => {
                    self.membership(peer::channel(changed.channel_id), &people);
                    None
                }
                U::ChannelMessageViews(_) | U::ChannelMessageForwards(_) => {
                    let count = self.posts.count(&update, &self.setting.account, packet.at);
                    count.iter().for_each(|count| outgoing.push_views(count));
                    None
                }
                _ => None,
            };
            if let (Some((chat_id, id)), Some(pts)) = (change, pts) {
                self.chat(chat_id).coverage.heard(pts, i64::from(id));
                outgoing.meaning.applied.push((chat_id, pts));
            }
        }
    }

    /// Judges one message; gives back its chat, none when it is not followed.
    fn message(
        &mut self,
        message: &tl::enums::Message,
        people: &mut People,
        at: i64,
        outgoing: &mut Outgoing,
    ) -> Option<i64> {
        let (chat_id, edit_date) = match message {
            tl::enums::Message::Message(message) => {
                (convert::marked(&message.peer_id), message.edit_date.map_or(0, i64::from))
            }
            tl::enums::Message::Service(service) => (convert::marked(&service.peer_id), 0),
            tl::enums::Message::Empty(_) => return None,
        };
        if chat_id > 0 {
            return None; // what people say to each other is not ours to keep
        }
        let id = i64::from(message.id());
        if !ledger::is_dense(chat_id) {
            self.groups.insert(id, chat_id);
            if self.groups.len() > GROUP_IDS {
                self.groups.pop_first();
            }
        }
        let chat = self.chat(chat_id);
        if let Some(facts) = &chat.facts {
            people.know(facts);
        }
        if !chat.coverage.hear(id, edit_date, at) {
            Progress::add(&self.setting.progress.repeated, 1);
            return Some(chat_id);
        }
        let origin = Origin { account: &self.setting.account, received_at: at, people };
        if let Some(record) = convert::convert(message, &origin) {
            let progress = &self.setting.progress;
            let counter =
                if matches!(record, Converted::Event(_)) { &progress.events } else { &progress.messages };
            Progress::add(counter, 1);
            if let Converted::Message(message) = &record {
                self.posts.hear(message);
            }
            outgoing.push(chat_id, &record);
        }
        outgoing.meaning.messages.push((chat_id, id));
        Some(chat_id)
    }

    fn deleted(&mut self, chat_id: i64, ids: &[i32], people: &mut People, at: i64, outgoing: &mut Outgoing) {
        let chat = self.chat(chat_id);
        let told: Vec<i64> =
            ids.iter().map(|id| i64::from(*id)).filter(|id| chat.coverage.delete(*id, at)).collect();
        self.bury(chat_id, &told, people, at, outgoing);
    }

    fn bury(&mut self, chat_id: i64, ids: &[i64], people: &mut People, at: i64, outgoing: &mut Outgoing) {
        if let Some(facts) = &self.chat(chat_id).facts {
            people.know(facts);
        }
        let origin = Origin { account: &self.setting.account, received_at: at, people };
        for id in ids {
            let tombstone = convert::tombstone(chat_id, *id, &origin);
            outgoing.push(chat_id, &Converted::Message(Box::new(tombstone)));
            outgoing.meaning.buried.push((chat_id, *id));
        }
        Progress::add(&self.setting.progress.deletions, ids.len() as u64);
    }

    fn unpinned(
        &mut self,
        chat_id: i64,
        pins: &tl::types::UpdatePinnedChannelMessages,
        people: &mut People,
        at: i64,
        outgoing: &mut Outgoing,
    ) {
        if let Some(facts) = &self.chat(chat_id).facts {
            people.know(facts);
        }
        let origin = Origin { account: &self.setting.account, received_at: at, people };
        for (nth, id) in pins.messages.iter().enumerate() {
            // It has no id of its own. The number of the change is one, and negative ids are nobody else's.
            let event_id = -(i64::from(pins.pts) - nth as i64);
            let event = convert::unpinned(chat_id, i64::from(*id), event_id, &origin);
            outgoing.push(chat_id, &Converted::Event(Box::new(event)));
            Progress::add(&self.setting.progress.events, 1);
        }
    }

    /// The account came into a channel or went out of it: the list of dialogs says which.
    fn membership(&self, chat_id: i64, people: &People) {
        let member = people.chat(chat_id).is_none_or(|facts| facts.member);
        if member != self.chats.contains_key(&chat_id) {
            self.setting.sweep.send_modify(|asked| *asked += 1);
        }
    }

    fn chat(&mut self, chat_id: i64) -> &mut Chat {
        let setting = &self.setting;
        self.chats.entry(chat_id).or_insert_with(|| {
            let mut coverage = Coverage::new(ledger::is_dense(chat_id), setting.window);
            if setting.first == FirstBackfill::default() {
                coverage.start_at(1);
            }
            if setting.connection.session().is_bot() {
                coverage.anchor(); // bots have no list of dialogs that could
            }
            Chat { coverage, facts: None, refused: None, asking: false }
        })
    }

    /// Asks for what is missing, a chat at a time, as many as may be asked at once.
    fn ask(&mut self) {
        if Instant::now() < self.ask_from {
            return;
        }
        let turns = self.chats.range(self.turn + 1..).chain(self.chats.range(..=self.turn));
        let hungry: Vec<(i64, Option<Fetch>)> = turns
            .filter(|(_, chat)| !chat.asking && chat.refused.is_none())
            .filter_map(|(id, chat)| match chat.coverage.next_fetch() {
                Some(fetch) => Some((*id, Some(fetch))),
                None if !chat.coverage.is_started() && chat.coverage.top() > 0 => Some((*id, None)),
                None => None,
            })
            .take(PAGES_AT_ONCE.saturating_sub(self.asked.len()))
            .collect();
        for (chat_id, fetch) in hungry {
            self.turn = chat_id;
            self.chat(chat_id).asking = true;
            let connection = Arc::clone(&self.setting.connection);
            let first = self.setting.first;
            self.asked.push(Box::pin(async move {
                let answer = match fetch {
                    Some(fetch) => Answer::Page(fetch, backfill::page(&connection, chat_id, fetch).await),
                    None => Answer::Start(backfill::start(&connection, chat_id, first).await),
                };
                (chat_id, answer)
            }));
        }
    }

    fn answered(&mut self, chat_id: i64, answer: Answer, outgoing: &mut Outgoing) -> Result<()> {
        self.chat(chat_id).asking = false;
        match answer {
            Answer::Start(Ok(floor)) => self.chat(chat_id).coverage.start_at(floor),
            Answer::Page(fetch, Ok(page)) => {
                Progress::add(&self.setting.progress.pages, 1);
                let at = (self.setting.clock)();
                let mut people = People::new(&page.users, &page.chats);
                let mut found = Vec::with_capacity(page.messages.len());
                for message in &page.messages {
                    found.push(i64::from(message.id()));
                    self.message(message, &mut people, at, outgoing);
                }
                let settled = self.chat(chat_id).coverage.answered(fetch, &found, page.ended);
                self.bury(chat_id, &settled.vanished, &mut people, at, outgoing);
                outgoing.meaning.looked.extend(settled.looked.map(|(from, to)| (chat_id, from, to)));
            }
            Answer::Start(Err(error)) | Answer::Page(_, Err(error)) => {
                if error.is_account_gone() {
                    return Err(error);
                }
                match error {
                    Error::Flood { until, .. } => {
                        let left = (until - (self.setting.clock)()).max(1).unsigned_abs();
                        self.ask_from = Instant::now() + Duration::from_secs(left);
                    }
                    Error::Refused { .. } => self.refused(chat_id, &error),
                    error => {
                        tracing::warn!(account = self.setting.account, %error, "history is asked for again");
                        self.ask_from = Instant::now() + PAUSE;
                    }
                }
            }
        }
        Ok(())
    }

    /// Telegram does not give the chat to this account. Its gaps stay in the ledger, refused, until the list of dialogs
    /// shows it again.
    fn refused(&mut self, chat_id: i64, error: &Error) {
        tracing::warn!(account = self.setting.account, chat_id, %error, "history is refused");
        let chat = self.chat(chat_id);
        chat.refused = Some(error.to_string());
        chat.coverage.restate();
    }

    fn look(&self) {
        let progress = &self.setting.progress;
        let behind = self.chats.values().filter(|chat| !chat.coverage.is_whole());
        let (chats, missing) =
            behind.fold((0, 0), |(chats, missing), chat| (chats + 1, missing + chat.coverage.missing()));
        Progress::set(&progress.chats, self.chats.len() as u64);
        Progress::set(&progress.chats_behind, chats);
        Progress::set(&progress.missing, missing.unsigned_abs());
    }

    /// Writes what changed; tried until it succeeds, for it cannot be told again.
    fn write(&mut self) -> Option<BoxFuture<'static, ()>> {
        let mut changes = Changes::default();
        for (chat_id, chat) in &mut self.chats {
            changes.add(*chat_id, &mut chat.coverage, chat.refused.as_deref());
        }
        // The log must not be skipped where it holds what the ledger does not tell of yet.
        let untold =
            |chat: &Chat| !chat.coverage.is_started() && chat.coverage.top() > 0 && chat.refused.is_none();
        if !self.chats.values().any(untold) {
            changes.ends = std::mem::take(&mut self.ends);
        }
        if changes.is_empty() {
            return None;
        }
        let (pool, account) = (self.setting.pool.clone(), self.setting.account.clone());
        let now = (self.setting.clock)();
        Some(Box::pin(async move {
            while let Err(error) = ledger::write(&pool, &account, &changes, now).await {
                tracing::warn!(account, %error, "the ledger is written again");
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}
