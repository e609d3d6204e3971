//! The end that every order leads to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use tickertape_manager::decide::ChannelState;
use tickertape_manager::load_channels;
use tickertape_records::{ClientReport, Link, Report, peer, topics};

use crate::stages::Stages;
use crate::telegram::{ACCOUNTS, LINKED, SEEDED, SILENT, Telegram, id, is_relevant, link};

/// Where the manager's state or Telegram is not what it should be.
pub(crate) async fn wrong(stages: &Stages, telegram: &Telegram, banned: usize) -> Vec<String> {
    let survivor = 1 - banned;
    let channels = load_channels(&stages.pool, &[]).await.unwrap();
    let mut wrong = Vec::new();
    for number in 0..SEEDED + LINKED {
        let expected = match number {
            SILENT => ChannelState::Left,
            number if is_relevant(number) => ChannelState::Followed,
            _ => ChannelState::Rejected,
        };
        let found: Vec<_> = channels
            .iter()
            .filter(|channel| channel.same_as.is_none() && channel.links.contains(&link(number)))
            .collect();
        let [channel] = found[..] else {
            wrong.push(format!("{}: {} entries", link(number), found.len()));
            continue;
        };
        let owner = (expected == ChannelState::Followed).then_some(ACCOUNTS[survivor]);
        let is_in = telegram.is_in(survivor, number);
        if channel.state != expected || channel.owner.as_deref() != owner || is_in != owner.is_some() {
            wrong.push(format!(
                "{number} {}: {:?} {} {:?}, in: {is_in}",
                link(number),
                channel.state,
                channel.reason,
                channel.owner
            ));
        }
    }
    let open = format!(
        "manager.instructions WHERE account = '{}' AND outcome IS NULL AND kind NOT IN ('report', 'describe')",
        ACCOUNTS[survivor]
    );
    match count(stages, &open).await {
        0 => {}
        open => wrong.push(format!("{open} instructions are open")),
    }
    let lists = count(stages, "coin_refreshes WHERE outcome = 'changed'").await;
    if lists != 2 {
        wrong.push(format!("the coin list has changed {lists} times"));
    }
    wrong
}

/// Nobody speaks any more but for one last word under the last list: everything said is stored once, and no more.
pub(crate) async fn at_rest(stages: &Stages, telegram: &Telegram, banned: usize) {
    let last = telegram.post(0, "$YAKCOIN", stages.now());
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let different = different(stages, telegram).await;
        if different.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "not stored as it was said: {different:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let coin: Option<String> =
        sqlx::query_scalar("SELECT coin_id FROM messages WHERE chat_id = $1 AND message_id = $2")
            .bind(peer::channel(id(0)))
            .bind(i64::from(last))
            .fetch_one(&stages.pool)
            .await
            .unwrap();
    assert_eq!(coin.as_deref(), Some("yakcoin"), "the last list is in force");
    let versions: Vec<i64> =
        sqlx::query_scalar("SELECT DISTINCT coin_list_version::bigint FROM messages ORDER BY 1")
            .fetch_all(&stages.pool)
            .await
            .unwrap();
    assert_eq!(versions, [1, 2, 3], "each list had its time");
    assert_eq!(count(stages, "dead_letters").await, 0);
    let reports = stages.values(topics::CLIENTS).await;
    let answers = reports.iter().filter_map(|value| match ClientReport::decode(value).unwrap().report {
        Report::Answer { instruction, .. } => Some(instruction),
        _ => None,
    });
    assert!(repeated(answers).is_empty(), "answers that came twice");
    let links = stages.values(topics::LINKS).await;
    let links = links.iter().map(|value| Link::decode(value).unwrap()).filter(|link| link.message_id != 0);
    let mut found = BTreeMap::new();
    for link in links {
        let target = link.preview.and_then(|preview| preview.chat_id);
        found.entry((link.link, link.chat_id, link.message_id)).or_insert_with(Vec::new).push(target);
    }
    assert_eq!(found.len() as i64, 2 * LINKED + 1, "links that were seen: {found:#?}");
    let gaps = format!("producer_gaps WHERE account = '{}' AND state = 'open'", ACCOUNTS[1 - banned]);
    assert_eq!(count(stages, &gaps).await, 0, "holes in what was followed");
    assert_eq!(telegram.loopback.early(), 0);
}

/// Channels whose messages are not stored as they were said: those that were ever followed whole, the others not.
async fn different(stages: &Stages, telegram: &Telegram) -> Vec<String> {
    let mut different = Vec::new();
    for number in 0..SEEDED + LINKED {
        let said: BTreeMap<i64, String> = match is_relevant(number) {
            true => {
                let messages = telegram.loopback.chat(id(number)).messages;
                messages.into_iter().map(|(id, message)| (i64::from(id), message.text)).collect()
            }
            false => BTreeMap::new(),
        };
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT message_id, text FROM messages WHERE chat_id = $1 ORDER BY 1")
                .bind(peer::channel(id(number)))
                .fetch_all(&stages.pool)
                .await
                .unwrap();
        let (count, stored) = (rows.len(), BTreeMap::from_iter(rows));
        if stored != said || count != said.len() {
            different.push(format!("channel {number}: {count} of {}", said.len()));
        }
    }
    different
}

fn repeated<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeMap::new();
    for one in all {
        *seen.entry(one).or_insert(0) += 1;
    }
    seen.into_iter().filter(|(_, times)| *times > 1).map(|(one, _)| one).collect()
}

async fn count(stages: &Stages, what: &str) -> i64 {
    let query = AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
    sqlx::query_scalar(query).fetch_one(&stages.pool).await.unwrap()
}
