//! What accounts see of channels: names, descriptions, participants, membership, and the newest message.

use tickertape_records::{Channel as Observation, ChatKind, Membership};

use super::{ChannelState, Fact, Number, Source, State};

impl State {
    /// An account has looked at a chat.
    pub(super) fn observed(&mut self, seen: Observation) {
        let number = match self.find_observed(&seen) {
            Some(number) => number,
            // Not ours yet: an account follows it of its own accord. Basic groups and people are private matters.
            None if seen.membership == Membership::Member && is_channel(seen.chat_kind) => {
                self.new_channel(Source::Account)
            }
            None => return,
        };
        let number = self.identify(number, seen.chat_id);
        self.membership(&seen);
        self.describe(number, seen);
        self.schedule(number, self.now);
    }

    fn find_observed(&self, seen: &Observation) -> Option<Number> {
        if let Some(&number) = self.by_chat.get(&seen.chat_id) {
            return Some(number);
        }
        let link = format!("https://t.me/{}", seen.username.as_ref()?);
        self.by_link.get(&link).copied().filter(|&number| self.channel(number).chat_id.is_none())
    }

    fn membership(&mut self, seen: &Observation) {
        let (label, chat_id) = (seen.account.as_str(), seen.chat_id);
        // The account's own reports are newer or as new, and are right.
        if self.accounts.get(label).is_some_and(|account| account.last_seen > seen.observed_at) {
            return;
        }
        match seen.membership {
            Membership::Member => self.enter(label, chat_id),
            Membership::Requested => {}
            Membership::Outside => {
                self.exit(label, chat_id, ChannelState::Candidate, "it is no longer a member")
            }
            Membership::Banned => {
                self.exit(label, chat_id, ChannelState::Banned, "the account is banned there")
            }
        }
    }

    /// Takes over what is newer, and keeps what it was as history.
    fn describe(&mut self, number: Number, seen: Observation) {
        let at = seen.observed_at;
        let channel = self.channel(number);
        if channel.observed_at.is_some_and(|before| before > at) {
            return;
        }
        let mut facts = Vec::new();
        let mut fact = |field, old: Option<String>, new: Option<String>| {
            if old != new {
                facts.push(Fact { channel: number, at, field, old, new });
            }
        };
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        fact("title", some(&channel.title), some(&seen.title));
        fact("username", channel.username.clone(), seen.username.clone());
        if seen.about.is_some() {
            fact("about", channel.about.clone(), seen.about.clone());
        }
        if seen.participants.is_some() {
            let text = |count: Option<i64>| count.map(|count| count.to_string());
            fact("participants", text(channel.participants), text(seen.participants));
        }
        self.changes.facts.extend(facts);
        let channel = self.channel_mut(number);
        channel.observed_at = Some(at);
        channel.chat_kind = seen.chat_kind;
        (channel.scam, channel.verified) = (seen.scam, seen.verified);
        channel.about = seen.about.or(channel.about.take());
        channel.participants = seen.participants.or(channel.participants);
        if let Some(name) = &seen.username {
            let link = format!("https://t.me/{name}");
            if !self.by_link.contains_key(&link) {
                self.add_link(number, &link);
            }
        }
        self.rename(number, seen.username, seen.title);
    }

    /// A chat's newest message has this date.
    pub(super) fn active(&mut self, chat_id: i64, last_message_at: i64) {
        let Some(&number) = self.by_chat.get(&chat_id) else { return };
        if self.channel(number).last_message_at < Some(last_message_at) {
            self.channel_mut(number).last_message_at = Some(last_message_at);
            if self.channel(number).state == ChannelState::Inactive {
                self.schedule(number, self.now); // one that is followed is looked at when it would be silent
            }
        }
    }
}

fn is_channel(kind: ChatKind) -> bool {
    matches!(kind, ChatKind::Channel | ChatKind::Supergroup)
}
