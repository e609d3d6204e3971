//! A channel is looked at: when something about it changed, and when its time has come.

use tickertape_records::Action;

use super::{ChannelState, Number, State};
use crate::options::WhenInactive;

impl State {
    /// Brings a channel to where it belongs now, and says when to look again.
    pub(super) fn review(&mut self, number: Number) {
        match self.channel(number).state {
            ChannelState::Discovered => {
                if !self.adopt(number) {
                    self.review_discovered(number);
                }
            }
            ChannelState::Candidate | ChannelState::Broken | ChannelState::Banned => {
                self.adopt(number);
            }
            ChannelState::Joining => self.review_joining(number),
            ChannelState::Followed | ChannelState::Inactive => self.review_followed(number),
            ChannelState::Left | ChannelState::Rejected => {}
        }
        self.send_away(number);
    }

    /// Gives a channel to a working account that is a member already, without a join.
    fn adopt(&mut self, number: Number) -> bool {
        let channel = self.channel(number);
        let Some(chat_id) = channel.chat_id else { return false };
        let members = self.accounts.values().filter(|account| {
            account.working && account.chats.contains(&chat_id) && !channel.barred.contains(&account.label)
        });
        let Some(account) = members.min_by_key(|account| account.load()) else { return false };
        let label = account.label.clone();
        self.set_owner(number, Some(&label));
        self.set_state(number, ChannelState::Followed, format!("{label} is a member"));
        true
    }

    fn review_joining(&mut self, number: Number) {
        let channel = self.channel(number);
        let is_in = channel.chat_id.is_some_and(|chat_id| {
            channel.owner.as_ref().is_some_and(|owner| self.accounts[owner].chats.contains(&chat_id))
        });
        if is_in {
            let reason = format!("{} is in", channel.owner.as_deref().unwrap_or_default());
            return self.set_state(number, ChannelState::Followed, reason);
        }
        if let Some(requested_at) = channel.requested_at {
            let until = requested_at + self.options.request_seconds;
            if until <= self.now {
                return self.set_state(number, ChannelState::Broken, "nobody let the account in");
            }
            self.schedule(number, until);
        }
    }

    fn review_followed(&mut self, number: Number) {
        let now = self.now;
        let channel = self.channel(number);
        let silent = channel.silent_since() + self.options.inactive_seconds;
        let known = self.activity_until.min(now);
        let lively = channel.last_message_at.is_some_and(|at| at + self.options.inactive_seconds > now);
        match (channel.state, channel.asked_at) {
            (ChannelState::Inactive, _) if lively => {
                self.set_state(number, ChannelState::Followed, "a message came");
            }
            (ChannelState::Inactive, Some(asked_at)) => {
                let until = asked_at + self.options.inactive_wait_seconds;
                if self.options.when_inactive == WhenInactive::Leave {
                    if until <= known {
                        self.set_state(
                            number,
                            ChannelState::Left,
                            "still silent after it was asked once more",
                        );
                        return;
                    }
                    self.schedule(number, until.max(now + self.options.tick_seconds as i64));
                }
            }
            (ChannelState::Followed, _) if silent <= known => {
                self.set_state(number, ChannelState::Inactive, "no message for too long");
                self.channel_mut(number).asked_at = Some(now);
                self.channel_mut(number).described_at = 0;
                self.schedule(number, now + self.options.inactive_wait_seconds);
            }
            (ChannelState::Followed, _) => {
                self.schedule(number, silent.max(now + self.options.tick_seconds as i64))
            }
            _ => {}
        }
        self.ask_for_description(number);
    }

    /// Asks the owner, if it is time.
    fn ask_for_description(&mut self, number: Number) {
        let channel = self.channel(number);
        let (Some(owner), Some(chat_id)) = (channel.owner.clone(), channel.chat_id) else { return };
        let due = channel.described_at + self.options.describe_seconds;
        if due <= self.now && !self.is_asked(&owner, "describe", number) {
            self.instruct(&owner, Action::Describe { chat_id }, Some(number));
            self.channel_mut(number).described_at = self.now;
        }
        let due = self.channel(number).described_at + self.options.describe_seconds;
        self.schedule(number, due.max(self.now + 1));
    }

    /// Tells members that are not the owner to leave: a second one, or all of them when the channel was left.
    fn send_away(&mut self, number: Number) {
        let channel = self.channel(number);
        let Some(chat_id) = channel.chat_id else { return };
        let given_up = channel.state == ChannelState::Left;
        let held = matches!(channel.state, ChannelState::Followed | ChannelState::Inactive);
        if !(given_up || held && channel.may_be_left()) {
            return;
        }
        let owner = channel.owner.clone();
        let strays: Vec<(String, i64)> = self
            .accounts
            .values()
            .filter(|account| {
                account.working && account.chats.contains(&chat_id) && owner.as_ref() != Some(&account.label)
            })
            .map(|account| {
                (account.label.clone(), account.leave_after.get(&chat_id).copied().unwrap_or(i64::MIN))
            })
            .collect();
        for (label, not_before) in strays {
            if not_before > self.now {
                self.schedule(number, not_before);
            } else if !self.is_asked(&label, "leave", chat_id) {
                self.instruct(&label, Action::Leave { chat_id }, Some(number));
            }
        }
    }
}
