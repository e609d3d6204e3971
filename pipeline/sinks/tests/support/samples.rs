//! Invented records of the topics that hold history, with something in every field.
#![allow(dead_code, reason = "each test binary uses its part")]

use tickertape_records::{
    AccountState, AccountStatus, Action, Channel, ChatKind, ClientReport, CoinListRecord, FailureReason,
    FoundIn, Instruction, Link, ListedCoin, Membership, Outcome, Preview, PreviewMessage, Report, SCHEMA,
    ViewCount,
};

/// 2021-06-01T00:00:00Z
pub(crate) const JUNE: i64 = 1_622_505_600;

/// A record's value.
pub(crate) trait Value {
    fn value(&self) -> Vec<u8>;
}

macro_rules! value {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn value(&self) -> Vec<u8> {
                let mut value = Vec::new();
                self.encode_into(&mut value);
                value
            }
        })*
    };
}
value!(Link, Channel, ClientReport, ViewCount, Instruction, CoinListRecord);

/// A link that nobody has followed yet.
pub(crate) fn link(n: i64) -> Link {
    Link {
        schema: SCHEMA,
        link: format!("https://t.me/coins{n}"),
        chat_id: -1_001_000_000_001,
        message_id: n,
        date: JUNE + n,
        found_in: FoundIn::Button,
        preview: None,
        account: "first".into(),
        received_at: JUNE + n + 2,
    }
}

/// The same link once somebody has looked where it leads.
pub(crate) fn previewed(n: i64, received_at: i64) -> Link {
    let preview = Preview {
        chat_id: Some(-1_001_000_000_002),
        chat_kind: ChatKind::Supergroup,
        username: Some(format!("coins{n}")),
        title: "Coins \0 & \"more\"".into(),
        about: Some("Монеты 🚀".into()),
        participants: Some(12),
        scam: true,
        verified: true,
        by_request: true,
        messages: vec![PreviewMessage { message_id: 3, date: JUNE, text: "$BTC\0".into() }],
        unavailable: None,
    };
    Link { preview: Some(preview), received_at, ..link(n) }
}

pub(crate) fn channel(n: i64) -> Channel {
    Channel {
        schema: SCHEMA,
        chat_id: -1_001_000_000_003,
        chat_kind: ChatKind::Channel,
        username: Some("moon".into()),
        title: format!("To the moon {n}"),
        about: Some("Nothing\0but".into()),
        participants: Some(1000 + n),
        linked_chat_id: Some(i64::MIN),
        scam: true,
        verified: true,
        account: "first".into(),
        membership: Membership::Requested,
        observed_at: JUNE + n,
    }
}

fn report(n: i64, report: Report) -> ClientReport {
    ClientReport { schema: SCHEMA, account: "first".into(), at: JUNE + n, report }
}

pub(crate) fn state(n: i64) -> ClientReport {
    let status = AccountStatus {
        state: AccountState::Limited,
        user_id: Some(7),
        premium: true,
        bot: false,
        dialogs: u32::MAX,
        chats: vec![-1_001_000_000_003, -5],
        limited_until: Some(JUNE + n + 60),
        joins_left: 3,
        reason: Some("FLOOD_WAIT_60".into()),
    };
    report(n, Report::State(status))
}

pub(crate) fn failed(n: i64) -> ClientReport {
    let outcome = Outcome::Failed {
        reason: FailureReason::TooManyChannels,
        detail: "CHANNELS_TOO_MUCH\0".into(),
        retry_at: Some(JUNE + n + 600),
    };
    report(n, Report::Answer { instruction: format!("i-{n}"), outcome })
}

pub(crate) fn done(n: i64) -> ClientReport {
    let outcome = Outcome::Done { chat_id: Some(-5) };
    report(n, Report::Answer { instruction: format!("i-{n}"), outcome })
}

pub(crate) fn lost(n: i64) -> ClientReport {
    report(n, Report::Lost { chat_id: -5, reason: "kicked".into() })
}

pub(crate) fn views(n: i64) -> ViewCount {
    ViewCount {
        schema: SCHEMA,
        chat_id: -1_001_000_000_003,
        message_id: n,
        date: JUNE + n,
        after_minutes: 20,
        views: i64::MAX,
        forwards: Some(4),
        counted_at: JUNE + n + 1200,
        account: "first".into(),
    }
}

pub(crate) fn instruction(n: i64, action: Action) -> Instruction {
    Instruction {
        schema: SCHEMA,
        id: format!("i-{n}"),
        account: "first".into(),
        issued_at: JUNE + n,
        deadline: JUNE + n + 3600,
        action,
    }
}

pub(crate) fn coin_list(version: u64) -> CoinListRecord {
    let coin = ListedCoin { id: "bitcoin".into(), symbol: "btc".into(), name: "Bitcoin".into(), rank: 1 };
    CoinListRecord { schema: SCHEMA, version, as_of: "2021-06-01".into(), coins: vec![coin] }
}
