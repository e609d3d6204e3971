//! The Telegram of the play: who is there, and what is said.

use tickertape_loopback_telegram::{AccountId, AccountSpec, ChatSpec, Loopback};

pub(crate) const ACCOUNTS: [&str; 2] = ["anna", "boris"];
pub(crate) const SEEDED: i64 = 60;
pub(crate) const LINKED: i64 = 40;
/// The channel of the configuration that falls silent.
pub(crate) const SILENT: i64 = 37;
/// Linked channels that speak only of a coin which the first list does not have.
const LATE: std::ops::Range<i64> = SEEDED..SEEDED + 5;
/// How often each channel speaks, in steps.
const EVERY: i64 = 10;

pub(crate) struct Telegram {
    pub(crate) loopback: Loopback,
    pub(crate) accounts: Vec<AccountId>,
}

/// Whether a channel is about coins.
pub(crate) fn is_relevant(number: i64) -> bool {
    number < SEEDED + LINKED / 2
}

/// Bare id of a channel.
pub(crate) fn id(number: i64) -> i64 {
    number + 1
}

/// Every fifth of the configuration is known by an invite link alone.
fn invite(number: i64) -> Option<String> {
    (number < SEEDED && number % 5 == 4).then(|| format!("Invite{number}"))
}

pub(crate) fn link(number: i64) -> String {
    match invite(number) {
        Some(hash) => format!("https://t.me/+{hash}"),
        None => format!("https://t.me/channel_{number:05}"),
    }
}

fn text(number: i64) -> &'static str {
    match number {
        number if LATE.contains(&number) => "$ZEBRACOIN up again",
        number if is_relevant(number) => "$BTC breaks out, $ETH follows",
        _ => "Fresh bread every morning",
    }
}

impl Telegram {
    pub(crate) async fn new() -> Self {
        let loopback = Loopback::start().await;
        let accounts = (0..ACCOUNTS.len())
            .map(|nth| {
                loopback
                    .add_account(AccountSpec { phone: format!("+1000000000{nth}"), ..AccountSpec::default() })
            })
            .collect();
        for number in 0..SEEDED + LINKED {
            let invite = invite(number);
            loopback.add_chat(ChatSpec {
                id: id(number),
                title: format!("Talk {number}"),
                username: invite.is_none().then(|| format!("channel_{number:05}")),
                about: "Every day".to_owned(),
                participants: 1_000 + number as i32,
                invite,
                ..ChatSpec::default()
            });
            for _ in 0..6 {
                loopback.post(id(number), text(number));
            }
        }
        Self { loopback, accounts }
    }

    pub(crate) fn ban(&self, nth: usize) {
        self.loopback.ban(self.accounts[nth]);
        self.loopback.hang_up();
    }

    /// Each channel says something in its turn; one of those that did, and the message.
    pub(crate) fn speak(&self, step: u32, now: i64) -> (i64, i32) {
        let mut last = (0, 0);
        for number in (0..SEEDED + LINKED).filter(|number| number % EVERY == i64::from(step) % EVERY) {
            // What is waited for is said in a channel of the configuration, so somebody follows it.
            if number != SILENT {
                let posted = self.post(number, text(number), now);
                if number < 10 {
                    last = (id(number), posted);
                }
            }
        }
        last
    }

    /// A channel mentions another.
    pub(crate) fn mention(&self, number: i64, seen_in: i64, now: i64) {
        self.post(seen_in, &format!("$BTC: see {}", link(number)), now);
    }

    pub(crate) fn post(&self, number: i64, text: &str, now: i64) -> i32 {
        self.loopback.post_with(id(number), text, |message| message.date = now as i32)
    }

    pub(crate) fn is_in(&self, nth: usize, number: i64) -> bool {
        self.loopback.chat(id(number)).members.contains(&nth)
    }
}
