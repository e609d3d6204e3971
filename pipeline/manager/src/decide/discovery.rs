//! Links seen in messages: what they lead to, whether it is wanted, and the guards against spam.

use tickertape_records::{ChatKind, Link, Preview};

use super::account::{DAY, day};
use super::channel::SIGHTINGS;
use super::{Channel, ChannelState, Number, Source, State, lookalike};
use crate::options::Approve;
use crate::relevance::Verdict;

impl State {
    /// A link was seen in a message, or looked up.
    pub(super) fn linked(&mut self, link: Link, verdict: Option<Verdict>) {
        let seen_in = (link.chat_id, link.message_id);
        let from_chat = link.chat_id != 0;
        let chat_id = link.preview.as_ref().and_then(|preview| preview.chat_id);
        let known = self.by_link.get(&link.link).or_else(|| self.by_chat.get(&chat_id?)).copied();
        let number = match known {
            Some(number) => number,
            None if from_chat && !self.takes_new_link(link.chat_id) => return,
            None => self.new_channel(Source::Link { chat_id: link.chat_id }),
        };
        let known = |channel: &Channel| (channel.links.len(), channel.sightings.len());
        let before = known(self.channel(number));
        self.add_link(number, &link.link);
        if from_chat && before.1 < SIGHTINGS {
            self.channel_mut(number).sightings.insert(seen_in);
        }
        // The hundredth link to a channel says nothing new, and costs no row.
        if link.preview.is_some() || known(self.channel(number)) != before {
            self.schedule(number, self.now);
        }
        if let Some(preview) = link.preview {
            self.previewed(number, preview, verdict, link.received_at);
        }
    }

    fn previewed(&mut self, number: Number, preview: Preview, verdict: Option<Verdict>, at: i64) {
        let number = match preview.chat_id {
            Some(chat_id) => self.identify(number, chat_id),
            None => number,
        };
        let channel = self.channel(number);
        if channel.looked_at.is_some_and(|before| before > at) {
            return; // an older one that comes late
        }
        let state = channel.state;
        let undecided = matches!(state, ChannelState::Discovered | ChannelState::Broken);
        if let Some(why) = preview.unavailable {
            self.channel_mut(number).looked_at = Some(at);
            if state == ChannelState::Discovered {
                self.set_state(number, ChannelState::Broken, format!("its link leads nowhere: {why}"));
            }
            return;
        }
        let observed = self.channel(number).observed_at.is_some();
        let channel = self.channel_mut(number);
        channel.looked_at = Some(at);
        channel.chat_kind = preview.chat_kind;
        (channel.scam, channel.verified) = (preview.scam, preview.verified);
        if !observed {
            // An account's own observation is worth more than a look from outside.
            channel.participants = preview.participants.or(channel.participants);
            channel.about = preview.about.or(channel.about.take());
            self.rename(number, preview.username, preview.title);
        }
        if preview.chat_kind == ChatKind::User {
            if undecided {
                self.set_state(number, ChannelState::Rejected, "it leads to a person or a bot");
            }
            return;
        }
        if state == ChannelState::Broken && !self.channel(number).by_user {
            self.set_state(number, ChannelState::Discovered, "its link leads somewhere again");
        }
        if let Some(verdict) = verdict {
            self.weighed(number, verdict);
        }
    }

    /// What a channel's preview is worth, under the present coin list.
    pub(super) fn weighed(&mut self, number: Number, verdict: Verdict) {
        let Some(channel) = self.channels.get(&number) else { return };
        let before = channel.verdict.as_ref().map(|before| before.relevant);
        let reconsider =
            channel.state == ChannelState::Rejected && !channel.by_user && channel.same_as.is_none();
        let relevant = verdict.relevant;
        if channel.verdict.as_ref() == Some(&verdict) {
            return;
        }
        self.channel_mut(number).verdict = Some(verdict);
        if reconsider && relevant && before == Some(false) {
            self.set_state(number, ChannelState::Discovered, "it is relevant now");
        }
        self.schedule(number, self.now);
    }

    /// Decides about a channel that was only discovered.
    pub(super) fn review_discovered(&mut self, number: Number) {
        let channel = self.channel(number);
        if channel.scam {
            return self.set_state(number, ChannelState::Rejected, "Telegram marks it as a scam or a fake");
        }
        let enough = channel.sightings.len() >= self.options.min_sightings as usize;
        let Some(verdict) = &channel.verdict else {
            if enough {
                self.look_up(number);
            }
            return;
        };
        if !verdict.relevant {
            let reason = verdict.reasons.join("; ");
            return self.set_state(number, ChannelState::Rejected, reason);
        }
        if let Some(other) = self.look_alike(number) {
            let other = self.channel(other);
            let reason = format!(
                "it looks like {}, which is followed",
                other.username.as_deref().map_or_else(|| other.title.clone(), |name| format!("@{name}"))
            );
            return self.set_state(number, ChannelState::Rejected, reason);
        }
        if !enough || self.options.approve == Approve::Manual {
            return; // a further sighting or the user brings it up again
        }
        let reason = verdict.reasons.join("; ");
        if let Source::Link { chat_id } = channel.source
            && !self.takes_approval(chat_id)
        {
            return self.schedule(number, (day(self.now) + 1) * DAY);
        }
        self.set_state(number, ChannelState::Candidate, reason);
    }

    /// Another channel, followed or about to be, whose name this one's can be taken for.
    fn look_alike(&self, number: Number) -> Option<Number> {
        let channel = self.channel(number);
        if channel.verified {
            return None;
        }
        lookalike::skeletons(channel)
            .iter()
            .filter_map(|skeleton| self.by_skeleton.get(skeleton))
            .flatten()
            .copied()
            .find(|&other| {
                let state = self.channel(other).state;
                other != number && (state.is_owned() || state == ChannelState::Candidate)
            })
    }

    /// Changes the names under which a channel is known.
    pub(super) fn rename(&mut self, number: Number, username: Option<String>, title: String) {
        let channel = self.channel(number);
        if (&channel.username, &channel.title) == (&username, &title) {
            return;
        }
        for skeleton in lookalike::skeletons(channel) {
            if let Some(numbers) = self.by_skeleton.get_mut(&skeleton) {
                numbers.remove(&number);
            }
        }
        let channel = self.channel_mut(number);
        (channel.username, channel.title) = (username, title);
        for skeleton in lookalike::skeletons(self.channel(number)) {
            self.by_skeleton.entry(skeleton).or_default().insert(number);
        }
    }
}
