//! One chat, one entry: what to do when a link leads to a chat that is known by another link.

use super::{ChannelState, Number, State};

impl State {
    /// Notes that a channel is this chat, and returns the entry that goes on: another one, if the chat was known.
    pub(super) fn identify(&mut self, number: Number, chat_id: i64) -> Number {
        let number = self.entry(number);
        let known = self.by_chat.get(&chat_id).copied();
        match (self.channel(number).chat_id, known) {
            (_, Some(other)) if other == number => number,
            (None, None) => {
                self.channel_mut(number).chat_id = Some(chat_id);
                self.by_chat.insert(chat_id, number);
                self.schedule(number, self.now);
                number
            }
            (None, Some(other)) => {
                let here = self.channel(number).state.rank();
                let there = self.channel(other).state.rank();
                if here > there {
                    self.merge(other, number, chat_id)
                } else {
                    self.merge(number, other, chat_id)
                }
            }
            // A name that was passed on to another chat: it now leads there, and this entry keeps its own chat.
            (Some(_), Some(other)) => other,
            (Some(_), None) => number,
        }
    }

    /// The entry that stands for this one.
    pub(super) fn entry(&self, mut number: Number) -> Number {
        while let Some(other) = self.channel(number).same_as {
            number = other;
        }
        number
    }

    /// Moves all that led to `from` over to `into`, which is the entry of this chat.
    fn merge(&mut self, from: Number, into: Number, chat_id: i64) -> Number {
        let links = std::mem::take(&mut self.channel_mut(from).links);
        for link in &links {
            self.add_link(into, link);
        }
        let gone = self.channel_mut(from);
        let sightings = std::mem::take(&mut gone.sightings);
        let (verdict, looked_at) = (gone.verdict.take(), gone.looked_at);
        self.by_chat.insert(chat_id, into);
        let stays = self.channel_mut(into);
        stays.chat_id = Some(chat_id);
        stays.sightings.extend(sightings);
        while stays.sightings.len() > super::channel::SIGHTINGS {
            stays.sightings.pop_last();
        }
        if stays.looked_at < looked_at {
            (stays.verdict, stays.looked_at) = (verdict, looked_at);
        }
        self.rename(from, None, String::new());
        if self.channel(from).state != ChannelState::Rejected {
            let reason = format!("it is the same chat as channel {into}");
            self.set_state(from, ChannelState::Rejected, reason);
        }
        self.channel_mut(from).same_as = Some(into);
        self.schedule(into, self.now);
        into
    }
}
