//! What accounts report: how they are, what became of their instructions, and chats they have lost.

use std::collections::BTreeSet;

use tickertape_records::{AccountState, AccountStatus, Action, ClientReport, FailureReason, Outcome, Report};

use super::{Account, ChannelState, Number, Open, State};

impl State {
    /// An account reports.
    pub(super) fn report(&mut self, report: ClientReport) {
        let ClientReport { account: label, at, report, .. } = report;
        match report {
            Report::State(status) => self.status(&label, at, status),
            Report::Answer { instruction, outcome } => {
                self.seen(&label, at);
                // The number stands behind the name of the installation that gave the instruction.
                let number = instruction.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
                if let Some(number) = number {
                    self.answer(&label, number, outcome);
                }
            }
            Report::Lost { chat_id, reason } => {
                self.seen(&label, at);
                let to = match reason.as_str() {
                    "kicked" | "banned" => ChannelState::Banned,
                    "deleted" | "private" | "not_found" => ChannelState::Broken,
                    _ => ChannelState::Left,
                };
                self.exit(&label, chat_id, to, &format!("the account lost it: {reason}"));
            }
        }
    }

    fn seen(&mut self, label: &str, at: i64) {
        let account = self.account_mut(label);
        account.last_seen = account.last_seen.max(at);
    }

    fn status(&mut self, label: &str, at: i64, status: AccountStatus) {
        if self.accounts.get(label).is_some_and(|account| account.last_seen > at) {
            return; // an older report that comes late
        }
        self.seen(label, at);
        let now = self.now;
        let silent_seconds = self.options.silent_seconds;
        let account = self.account_mut(label);
        let worked = account.working;
        account.state = status.state;
        account.reason = status.reason;
        account.user_id = status.user_id.or(account.user_id);
        (account.premium, account.bot) = (status.premium, status.bot);
        account.limited_until = status.limited_until;
        if account.full_at.is_some_and(|full| status.dialogs < full) {
            account.full_at = None; // its owner has made room
        }
        account.dialogs = status.dialogs;
        account.joins_left = status.joins_left.saturating_sub(account.joins_open);
        let works = !matches!(status.state, AccountState::SignedOut | AccountState::Banned);
        account.working = works && (status.state != AccountState::Offline || account.working);
        account.working &= at + silent_seconds > now;
        if works && status.state != AccountState::Offline {
            let mut chats = status.chats;
            chats.sort_unstable();
            chats.dedup();
            if worked && account.working && account.chats.iter().eq(&chats) {
                return; // as nearly always
            }
            let reported: BTreeSet<i64> = chats.into_iter().collect();
            let working = account.working;
            let gone: Vec<i64> = account.chats.difference(&reported).copied().collect();
            // One that comes back is told what it lost: every chat of it is looked at.
            let looked_at: Vec<i64> = if worked {
                reported.difference(&account.chats).copied().collect()
            } else {
                reported.iter().copied().collect()
            };
            account.chats = reported;
            for chat_id in gone {
                self.no_longer_in(label, chat_id, at);
            }
            if working {
                for chat_id in looked_at {
                    self.look_at_chat(chat_id);
                }
            }
        }
        if !self.accounts[label].working {
            self.release(label);
        }
    }

    fn no_longer_in(&mut self, label: &str, chat_id: i64, at: i64) {
        if let Some(&number) = self.by_chat.get(&chat_id) {
            let channel = self.channel(number);
            let holds = matches!(channel.state, ChannelState::Followed | ChannelState::Inactive)
                && channel.owner.as_deref() == Some(label);
            if holds && channel.since < at {
                self.set_state(number, ChannelState::Candidate, format!("{label} is no longer a member"));
            } else if holds {
                self.account_mut(label).chats.insert(chat_id); // it came in after this report was made
            }
        }
    }

    fn look_at_chat(&mut self, chat_id: i64) {
        if let Some(&number) = self.by_chat.get(&chat_id) {
            self.schedule(number, self.now);
        }
    }

    /// The account is a member of the chat.
    pub(super) fn enter(&mut self, label: &str, chat_id: i64) {
        let account = self.account_mut(label);
        if account.chats.insert(chat_id) {
            account.dialogs += 1;
        }
        self.look_at_chat(chat_id);
    }

    /// The account is no longer a member; if it held the channel, that goes to this state.
    pub(super) fn exit(&mut self, label: &str, chat_id: i64, to: ChannelState, reason: &str) {
        let account = self.account_mut(label);
        if account.chats.remove(&chat_id) {
            account.dialogs = account.dialogs.saturating_sub(1);
        }
        account.leave_after.remove(&chat_id);
        let Some(&number) = self.by_chat.get(&chat_id) else { return };
        if to == ChannelState::Banned {
            self.channel_mut(number).barred.insert(label.to_owned());
        }
        let channel = self.channel(number);
        if matches!(channel.state, ChannelState::Followed | ChannelState::Inactive)
            && channel.owner.as_deref() == Some(label)
        {
            self.set_state(number, to, reason);
        }
        self.look_at_chat(chat_id);
    }

    /// Takes everything from an account that does not work.
    pub(super) fn release(&mut self, label: &str) {
        let held: Vec<Number> = self.by_owner.get(label).into_iter().flatten().copied().collect();
        let account = &self.accounts[label];
        let why = match account.state {
            AccountState::Banned => "is banned",
            AccountState::SignedOut => "is signed out",
            _ => "is silent",
        };
        let reason = format!("account {label} {why}");
        for number in held {
            self.set_state(number, ChannelState::Candidate, reason.clone());
        }
    }

    fn answer(&mut self, label: &str, number: Number, outcome: Outcome) {
        if self.open.get(&number).is_none_or(|open| open.account != label) {
            return; // answered before, given up, or another's
        }
        let (name, detail) = match &outcome {
            Outcome::Done { .. } => ("done", String::new()),
            Outcome::Requested { .. } => ("requested", String::new()),
            Outcome::Failed { reason, detail, .. } => (reason.name(), detail.clone()),
        };
        let Some(open) = self.close(number, name, detail) else { return };
        match outcome {
            Outcome::Done { chat_id } => self.done(&open, chat_id),
            Outcome::Requested { chat_id } => self.requested(&open, chat_id),
            Outcome::Failed { reason, detail, retry_at } => self.failed(&open, reason, &detail, retry_at),
        }
    }

    fn done(&mut self, open: &Open, chat_id: Option<i64>) {
        match (&open.action, open.channel) {
            (Action::Join { .. }, Some(number)) => {
                let number = match chat_id {
                    Some(chat_id) => self.identify(number, chat_id),
                    None => self.entry(number),
                };
                if let Some(chat_id) = chat_id.or(self.channel(number).chat_id) {
                    self.enter(&open.account, chat_id);
                }
                let channel = self.channel(number);
                if channel.state == ChannelState::Joining && channel.join == Some(open.number) {
                    self.set_state(number, ChannelState::Followed, format!("{} has joined", open.account));
                }
                self.schedule(number, self.now);
            }
            (Action::Leave { chat_id }, _) => {
                self.exit(&open.account, *chat_id, ChannelState::Left, "the account has left");
            }
            (Action::Resolve { .. }, Some(number)) => self.looked_up(number, open.number),
            _ => {}
        }
    }

    fn requested(&mut self, open: &Open, chat_id: Option<i64>) {
        let Some(number) = open.channel else { return };
        let number = chat_id.map_or(number, |chat_id| self.identify(number, chat_id));
        let (now, patience) = (self.now, self.options.request_seconds);
        let channel = self.channel_mut(number);
        if channel.state == ChannelState::Joining && channel.join == Some(open.number) {
            (channel.join, channel.requested_at) = (None, Some(now));
            self.schedule(number, now + patience);
        }
    }

    /// What a failure means for the account and for the channel. A late answer counts as one.
    pub(super) fn failed(&mut self, open: &Open, why: FailureReason, detail: &str, retry_at: Option<i64>) {
        let retry_at = retry_at.unwrap_or(self.now + self.options.retry_seconds).max(self.now + 1);
        self.account_failed(&open.account, why, retry_at);
        let text =
            if detail.is_empty() { why.name().to_owned() } else { format!("{}: {detail}", why.name()) };
        match (&open.action, open.channel) {
            (Action::Join { .. }, Some(number)) => {
                let channel = self.channel(number);
                if channel.state == ChannelState::Joining && channel.join == Some(open.number) {
                    self.join_failed(number, &open.account, why, &text, retry_at);
                }
            }
            (Action::Leave { chat_id }, _) => match why {
                FailureReason::NotFound | FailureReason::Private | FailureReason::BannedThere => {
                    self.exit(&open.account, *chat_id, ChannelState::Left, "the account is out");
                }
                _ => {
                    self.account_mut(&open.account).leave_after.insert(*chat_id, retry_at);
                    if let Some(&number) = self.by_chat.get(chat_id) {
                        self.schedule(number, retry_at);
                    }
                }
            },
            (Action::Describe { chat_id }, _) => match why {
                FailureReason::NotFound | FailureReason::Private => {
                    self.exit(&open.account, *chat_id, ChannelState::Broken, &text);
                }
                FailureReason::BannedThere => {
                    self.exit(&open.account, *chat_id, ChannelState::Banned, &text);
                }
                _ => {}
            },
            (Action::Resolve { .. }, Some(number)) => {
                self.look_up_failed(number, open.number, why, &text, retry_at)
            }
            _ => {}
        }
    }

    fn account_failed(&mut self, label: &str, why: FailureReason, retry_at: i64) {
        let account: &mut Account = self.account_mut(label);
        match why {
            FailureReason::Flood => {
                account.limited_until = Some(account.limited_until.unwrap_or(retry_at).max(retry_at));
            }
            FailureReason::TooManyChannels => account.full_at = Some(account.dialogs),
            FailureReason::Account => account.next_join_at = account.next_join_at.max(retry_at),
            _ => {}
        }
    }

    fn join_failed(&mut self, number: Number, label: &str, why: FailureReason, text: &str, retry_at: i64) {
        match why {
            FailureReason::NotFound | FailureReason::Private => {
                self.set_state(number, ChannelState::Broken, text);
            }
            FailureReason::NotAChannel => self.set_state(number, ChannelState::Rejected, text),
            FailureReason::BannedThere => {
                self.channel_mut(number).barred.insert(label.to_owned());
                self.set_state(number, ChannelState::Banned, text);
            }
            // The account's trouble, not the channel's: another may try at once.
            FailureReason::Flood | FailureReason::TooManyChannels | FailureReason::Account => {
                self.set_state(number, ChannelState::Candidate, text);
            }
            FailureReason::Expired | FailureReason::Other => {
                let most = self.options.attempts;
                let channel = self.channel_mut(number);
                channel.attempts += 1;
                if channel.attempts >= most {
                    let reason = format!("tried {most} times, at last: {text}");
                    self.set_state(number, ChannelState::Broken, reason);
                } else {
                    self.set_state(number, ChannelState::Candidate, text);
                    self.hold_back(number, retry_at);
                }
            }
        }
    }
}
