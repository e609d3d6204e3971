//! Hears what Telegram tells, and asks for what it did not tell: a task of its own for each account.
//!
//! It drives grammers' message boxes itself instead of through the client's `UpdateStream`, because that
//! - waits for a difference without a timeout;
//! - drops the messages of `channelDifferenceTooLong`, and the edits and deletions at the end of a channel's
//!   difference (it first moves to the difference's number and then takes them for old);
//! - takes the number in `updateChannelTooLong` for its own and so skips what it should fetch.
//!
//! After a start, a broken or replaced line, a full queue, a "too long" for the whole account, and every few minutes,
//! it asks for the list of dialogs, which says of each channel how far it is, and fetches the difference of those that
//! are ahead of us: a *sweep*.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use grammers_client::tl;
use grammers_session::updates::{MessageBox, MessageBoxes, PrematureEndReason, UpdatesLike};
use tickertape_records::peer;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::connection::Connection;
use crate::dialogs::dialogs;
use crate::error::{Error, Result};

/// Most changes in one difference, as Telegram allows people; bots may ask for more and need not.
const DIFFERENCE_AT_MOST: i32 = 100;
/// How long to stay quiet after Telegram could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

/// What was heard, in order.
#[expect(
    clippy::large_enum_variant,
    reason = "the largest is rare: one for each chat at the start and after a break"
)]
pub(crate) enum Heard {
    /// Updates, with the people and chats they name.
    Packet(Packet),
    /// A chat of the account as the list of dialogs shows it, after its difference was fetched.
    Dialog { chat: tl::enums::Chat, top_message: i32, pts: Option<i32> },
    /// A channel's difference was too long: messages up to `top_message` exist, changes up to `pts`.
    TooLong { channel_id: i64, top_message: i32, pts: i32 },
    /// A channel's difference cannot be had: the account may no longer be in it.
    Refused { channel_id: i64, error: Error },
    /// The list of dialogs has been told to its end.
    Swept,
}

/// Updates that came together.
pub(crate) struct Packet {
    /// Each with the number of its channel's changes that it brings us to.
    pub(crate) updates: Vec<(tl::enums::Update, Option<i32>)>,
    pub(crate) users: Vec<tl::enums::User>,
    pub(crate) chats: Vec<tl::enums::Chat>,
    /// When it was received, Unix seconds.
    pub(crate) at: i64,
}

/// How patient to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long the line may be silent before it is tried.
    pub(crate) silence: Duration,
    /// How often to ask for the list of dialogs when nothing happened.
    pub(crate) sweep: Duration,
}

pub(crate) struct Updates {
    connection: Arc<Connection>,
    clock: Clock,
    pace: Pace,
    told: mpsc::Sender<Heard>,
    boxes: MessageBoxes,
    queue: mpsc::Receiver<UpdatesLike>,
    /// Marked by whoever joins or leaves a chat.
    wanted: watch::Receiver<u64>,
    interruptions: watch::Receiver<u64>,
    /// Channel → the number up to which everything is on the log, as stored.
    stored: HashMap<i64, i32>,
    sweep_due: bool,
    swept_at: Instant,
    /// Dialogs to be told once the differences are in.
    dialogs: Vec<Heard>,
}

/// The reader of what was heard has gone: the producer is stopping.
struct Stopped;

impl Updates {
    /// `wanted` asks for a sweep whenever it changes.
    pub(crate) fn new(
        connection: Arc<Connection>,
        clock: Clock,
        pace: Pace,
        told: mpsc::Sender<Heard>,
        wanted: watch::Receiver<u64>,
        stored: HashMap<i64, i32>,
    ) -> Self {
        // Someone else may have taken them before: the next line has others, and the first sweep finds what was said.
        let queue = connection.take_updates().unwrap_or_else(|| mpsc::channel(1).1);
        let interruptions = connection.interruptions();
        Self {
            connection,
            clock,
            pace,
            told,
            boxes: MessageBoxes::new(),
            queue,
            wanted,
            interruptions,
            stored,
            sweep_due: true,
            swept_at: Instant::now(),
            dialogs: Vec::new(),
        }
    }

    /// Runs until nobody listens, or the account is gone.
    pub(crate) async fn run(mut self) -> Result<()> {
        loop {
            match self.step().await {
                Ok(Ok(())) => {}
                Ok(Err(Stopped)) => return Ok(()),
                Err(error) if error.is_account_gone() => return Err(error),
                Err(Error::Flood { .. }) => {} // the connection knows until when, and what is pushed is heard meanwhile
                Err(error) => {
                    tracing::warn!(%error, "updates are asked for again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Result<(), Stopped>> {
        if self.boxes.is_empty() {
            let tl::enums::updates::State::State(state) =
                self.connection.invoke(&tl::functions::updates::GetState {}).await?;
            self.boxes.set_state(state);
            for (id, pts) in &self.stored {
                self.boxes.try_set_channel_state(*id, *pts);
            }
        }
        // Best when all that was pushed is known; but a queue may never be empty.
        let best = self.queue.is_empty() || self.swept_at.elapsed() > PAUSE;
        if self.sweep_due && best && self.may_ask("messages.getDialogs") {
            self.sweep().await?;
        }
        // In this order: the deadline puts boxes on the list of differences.
        let deadline = self.boxes.check_deadlines();
        if let Some(request) = self.boxes.get_difference()
            && self.may_ask("updates.getDifference")
        {
            return self.difference(request).await;
        }
        if let Some(request) = self.boxes.get_channel_difference()
            && self.may_ask("updates.getChannelDifference")
        {
            return self.channel_difference(request).await;
        }
        if self.is_behind() || self.sweep_due {
            return self.listen(Instant::now() + PAUSE).await; // something has to wait, and is looked at again
        }
        for heard in std::mem::take(&mut self.dialogs) {
            if self.told.send(heard).await.is_err() {
                return Ok(Err(Stopped));
            }
        }
        self.listen(deadline.into()).await
    }

    /// Nothing is asked before its time.
    fn may_ask(&self, method: &str) -> bool {
        self.connection.waits_until(method).is_none()
    }

    async fn listen(&mut self, until: Instant) -> Result<Result<(), Stopped>> {
        let silence = Instant::now() + self.pace.silence;
        let sweep_at = (self.swept_at + self.pace.sweep).max(Instant::now());
        let wake = until.min(silence);
        let wake = if self.sweep_due { wake } else { wake.min(sweep_at) };
        tokio::select! {
            biased;
            () = self.told.closed() => Ok(Err(Stopped)),
            changed = self.interruptions.changed() => {
                if changed.is_ok() {
                    self.interrupted();
                }
                Ok(Ok(()))
            }
            changed = self.wanted.changed() => {
                self.sweep_due |= changed.is_ok();
                Ok(Ok(()))
            }
            heard = self.queue.recv() => match heard {
                Some(updates) => Ok(self.process(updates).await),
                None => {
                    self.interrupted();
                    tokio::time::sleep(Duration::from_millis(10)).await; // the line is being replaced
                    Ok(Ok(()))
                }
            },
            () = tokio::time::sleep_until(wake) => {
                let now = Instant::now();
                self.sweep_due |= now >= sweep_at;
                if now >= silence {
                    // A line that is mute answers nothing; the connection then replaces it, and we hear of that.
                    self.connection.invoke(&tl::functions::Ping { ping_id: 1 }).await?;
                }
                Ok(Ok(()))
            }
        }
    }

    /// The line was replaced: what was said meanwhile went unheard.
    fn interrupted(&mut self) {
        if let Some(queue) = self.connection.take_updates() {
            self.queue = queue;
        }
        let _ = self.boxes.process_updates(UpdatesLike::ConnectionClosed); // puts the common box on the list
        self.sweep_due = true;
    }

    async fn process(&mut self, mut updates: UpdatesLike) -> Result<(), Stopped> {
        // The queue was full a moment ago: the client may have dropped what came then.
        self.sweep_due |= self.queue.len() + 1 >= self.queue.max_capacity();
        match &mut updates {
            UpdatesLike::ConnectionClosed => self.sweep_due = true,
            UpdatesLike::Updates(tl::enums::Updates::Updates(container)) => {
                forget_numbers(&mut container.updates)
            }
            UpdatesLike::Updates(tl::enums::Updates::Combined(container)) => {
                forget_numbers(&mut container.updates);
            }
            _ => {}
        }
        let behind = self.is_behind();
        match self.boxes.process_updates(updates) {
            Ok((updates, users, chats)) => self.tell(updates, users, chats, behind).await,
            Err(_gap) => Ok(()), // the boxes have put the difference on their list
        }
    }

    /// A difference is still to be fetched. The boxes then let the updates of that channel through as they come, and
    /// say of each that it brings us to its number, though what lies before it was not heard.
    fn is_behind(&self) -> bool {
        self.boxes.get_difference().is_some() || self.boxes.get_channel_difference().is_some()
    }

    /// Tells what the boxes let through. Numbers count only when nothing was and is behind.
    async fn tell(
        &mut self,
        updates: Vec<(tl::enums::Update, grammers_session::updates::State)>,
        users: Vec<tl::enums::User>,
        chats: Vec<tl::enums::Chat>,
        behind: bool,
    ) -> Result<(), Stopped> {
        let behind = behind || self.is_behind();
        let updates = updates.into_iter().map(|(update, state)| {
            let pts = match state.message_box {
                Some(MessageBox::Channel { pts, .. }) if !behind => Some(pts),
                _ => None,
            };
            (update, pts)
        });
        self.tell_packet(updates.collect(), users, chats).await
    }

    async fn tell_packet(
        &mut self,
        updates: Vec<(tl::enums::Update, Option<i32>)>,
        users: Vec<tl::enums::User>,
        chats: Vec<tl::enums::Chat>,
    ) -> Result<(), Stopped> {
        if !chats.is_empty() {
            self.connection.session().remember(&chats);
        }
        if updates.is_empty() {
            return Ok(());
        }
        let packet = Packet { updates, users, chats, at: (self.clock)() };
        self.told.send(Heard::Packet(packet)).await.map_err(|_| Stopped)
    }

    async fn difference(
        &mut self,
        request: tl::functions::updates::GetDifference,
    ) -> Result<Result<(), Stopped>> {
        let mut answer = self.connection.ask(&request).await?;
        match &mut answer {
            tl::enums::updates::Difference::Difference(all) => forget_numbers(&mut all.other_updates),
            tl::enums::updates::Difference::Slice(part) => forget_numbers(&mut part.other_updates),
            tl::enums::updates::Difference::TooLong(_) => self.sweep_due = true,
            tl::enums::updates::Difference::Empty(_) => {}
        }
        let (updates, users, chats) = self.boxes.apply_difference(answer);
        Ok(self.tell(updates, users, chats, false).await)
    }

    async fn channel_difference(
        &mut self,
        mut request: tl::functions::updates::GetChannelDifference,
    ) -> Result<Result<(), Stopped>> {
        let tl::enums::InputChannel::Channel(channel) = &mut request.channel else {
            unreachable!("the boxes name the channel by its id")
        };
        let channel_id = channel.channel_id;
        let Some(hash) = self.connection.session().channel_hash(channel_id) else {
            // Unknown until the next sweep tells of it.
            self.boxes.end_channel_difference(PrematureEndReason::Banned);
            let reason = format!("the access hash of channel {channel_id} is not known");
            let error = Error::Nonsense { method: "updates.getChannelDifference", reason };
            let heard = Heard::Refused { channel_id, error };
            return Ok(self.told.send(heard).await.map_err(|_| Stopped));
        };
        channel.access_hash = hash;
        request.limit = DIFFERENCE_AT_MOST;
        let mut answer = match self.connection.ask(&request).await {
            Ok(answer) => answer,
            Err(error @ Error::Refused { .. }) if !error.is_account_gone() => {
                self.boxes.end_channel_difference(PrematureEndReason::Banned);
                let heard = Heard::Refused { channel_id, error };
                return Ok(self.told.send(heard).await.map_err(|_| Stopped));
            }
            Err(error) => return Err(error),
        };
        let mut updates = Vec::new();
        match &mut answer {
            tl::enums::updates::ChannelDifference::Difference(all) => {
                // The boxes would take these for old, so they are taken out before.
                let pts = Some(all.pts);
                let new = std::mem::take(&mut all.new_messages).into_iter().map(|message| {
                    tl::types::UpdateNewChannelMessage { message, pts: all.pts, pts_count: 0 }.into()
                });
                updates.extend(new.chain(std::mem::take(&mut all.other_updates)).map(|update| (update, pts)));
            }
            tl::enums::updates::ChannelDifference::TooLong(far) => {
                if let tl::enums::Dialog::Dialog(dialog) = &far.dialog {
                    let (top_message, pts) = (dialog.top_message, dialog.pts.unwrap_or(request.pts));
                    let heard = Heard::TooLong { channel_id, top_message, pts };
                    if self.told.send(heard).await.is_err() {
                        return Ok(Err(Stopped));
                    }
                } else {
                    self.boxes.end_channel_difference(PrematureEndReason::Banned);
                    return Ok(Ok(()));
                }
            }
            tl::enums::updates::ChannelDifference::Empty(_) => {}
        }
        let (_none_left, users, chats) = self.boxes.apply_channel_difference(answer);
        Ok(self.tell_packet(updates, users, chats).await)
    }

    /// Asks for the list of dialogs and puts every channel that is ahead of us on the list of differences.
    async fn sweep(&mut self) -> Result<()> {
        let dialogs = dialogs(&self.connection).await?;
        self.connection.session().flush()?;
        (self.sweep_due, self.swept_at) = (false, Instant::now());
        // What was pushed before the list was answered is in the queue already.
        for _ in 0..self.queue.len() {
            if let Ok(updates) = self.queue.try_recv()
                && self.process(updates).await.is_err()
            {
                return Ok(()); // seen again, and acted on, when listening
            }
        }
        let known: HashMap<i64, i32> = self
            .boxes
            .session_state()
            .channels
            .into_iter()
            .map(|channel| (channel.id, channel.pts))
            .collect();
        let mut ahead = Vec::new();
        self.dialogs.clear();
        for (dialog, chat) in dialogs.members {
            if let (tl::enums::Peer::Channel(channel), Some(pts)) = (&dialog.peer, dialog.pts) {
                let id = channel.channel_id;
                let ours = known.get(&id).copied().unwrap_or(pts).min(pts);
                self.boxes.try_set_channel_state(id, ours);
                if ours < pts {
                    ahead.push(tl::types::UpdateChannelTooLong { channel_id: id, pts: None }.into());
                }
            }
            self.dialogs.push(Heard::Dialog { chat, top_message: dialog.top_message, pts: dialog.pts });
        }
        self.dialogs.push(Heard::Swept);
        if !ahead.is_empty() {
            let updates =
                tl::types::Updates { updates: ahead, users: vec![], chats: vec![], date: 0, seq: 0 };
            let _ = self.boxes.process_updates(UpdatesLike::Updates(updates.into()));
        }
        Ok(())
    }
}

/// The boxes take the number in "too long" for their own, and would skip what lies between.
fn forget_numbers(updates: &mut [tl::enums::Update]) {
    for update in updates {
        if let tl::enums::Update::ChannelTooLong(far) = update {
            far.pts = None;
        }
    }
}

/// How a request names a group or channel.
pub(crate) fn input_peer(connection: &Connection, chat_id: i64) -> tl::enums::InputPeer {
    let bare = peer::bare(chat_id);
    if crate::ledger::is_dense(chat_id) {
        let access_hash = connection.session().channel_hash(bare).unwrap_or(0);
        tl::types::InputPeerChannel { channel_id: bare, access_hash }.into()
    } else if chat_id < 0 {
        tl::types::InputPeerChat { chat_id: bare }.into()
    } else {
        tl::types::InputPeerUser { user_id: bare, access_hash: 0 }.into()
    }
}
