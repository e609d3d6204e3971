//! Deletions mark their messages, whatever comes first, twice or later.

use tickertape_records::{Attribution, Message, SCHEMA};

use crate::records::{DATE, attributed, chat, message, outcome, plain};
use crate::support::{Counts, Log, drain, execute, in_each, text, texts};

/// A tombstone as attribution passes it on.
pub(crate) fn deletion(id: i64, deleted_at: i64) -> Vec<u8> {
    let tombstone = Message {
        schema: SCHEMA,
        chat_id: chat(),
        message_id: id,
        deleted_at: Some(deleted_at),
        ..Message::default()
    };
    attributed(&tombstone, &Attribution { coin_list_version: 1, ..Attribution::default() })
}

fn edit(id: i64, text: &str, date: i64) -> Vec<u8> {
    attributed(&Message { date, edit_date: Some(date + 5), ..message(id, text) }, &outcome(1))
}

const ROWS: &str = "SELECT concat_ws('|', message_id, revision, extract(epoch FROM deleted_at)::bigint, text) \
     FROM messages ORDER BY message_id";

/// The records in every order of theirs, in one batch and in batches of their own.
async fn in_every_order(records: &[Vec<u8>], expected: &[String]) {
    in_each(async |database| {
        let log = Log::new().await;
        for (n, order) in permutations(records.len()).into_iter().enumerate() {
            for together in [true, false] {
                log.broker.delete_topic("attributed").await.unwrap();
                log.create("attributed").await;
                execute(&database, "TRUNCATE messages, deletions, positions").await;
                let ordered: Vec<Vec<u8>> = order.iter().map(|i| records[*i].clone()).collect();
                for portion in ordered.chunks(if together { ordered.len() } else { 1 }) {
                    log.append("attributed", portion).await;
                    let counts = drain(&database, &log, "attributed").await.unwrap();
                    assert_eq!(counts, Counts { records: portion.len() as u64, dead_letters: 0 });
                }
                let what = format!("order {n} {order:?}, together: {together}");
                assert_eq!(texts(&database, ROWS).await, expected, "{what}");
            }
        }
    })
    .await;
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for shorter in permutations(last) {
        for place in 0..=last {
            let mut longer = shorter.clone();
            longer.insert(place, last);
            all.push(longer);
        }
    }
    all
}

/// Edit then delete, delete then late edit, deleted before it was known: the mark and the edit both stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_edit_and_deletion_may_come_in_any_order() {
    let first = plain([7]).remove(0);
    // The edit dates the message into another year, which drops the stored row and writes another.
    for date in [DATE + 7, DATE + 40_000_000] {
        let records = [first.clone(), edit(7, "edited", date), deletion(7, DATE + 100)];
        in_every_order(&records, &[format!("7|1|{}|edited", DATE + 100)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_read_twice_is_one_and_one_without_its_message_is_kept() {
    in_each(async |database| {
        let log = Log::new().await;
        let records = [plain(1..=3), vec![deletion(2, DATE + 10), deletion(9, DATE + 10), deletion(2, DATE + 20)]];
        log.append("attributed", &records.concat()).await;
        drain(&database, &log, "attributed").await.unwrap();
        log.append("attributed", &[deletion(2, DATE + 30), deletion(3, i64::MAX), deletion(1, i64::MIN)]).await;
        drain(&database, &log, "attributed").await.unwrap();

        let kept = "SELECT concat_ws('|', message_id, deleted_at) FROM deletions ORDER BY message_id";
        let found = texts(&database, kept).await;
        assert_eq!(
            found,
            ["1|-infinity", "2|2021-06-01 00:00:10+00", "3|infinity", "9|2021-06-01 00:00:10+00"]
        );
        let marked = "SELECT string_agg(message_id || '|' || deleted_at, ' ' ORDER BY message_id) FROM messages";
        assert_eq!(text(&database, marked).await, "1|-infinity 2|2021-06-01 00:00:10+00 3|infinity");

        // Messages beside the one that is gone, in the same range of ids, are not marked.
        log.append("attributed", &plain(4..=12)).await;
        drain(&database, &log, "attributed").await.unwrap();
        let marked =
            "SELECT string_agg(message_id::text, ' ' ORDER BY message_id) FROM messages WHERE deleted_at IS NOT NULL";
        assert_eq!(text(&database, marked).await, "1 2 3 9");
        assert_eq!(text(&database, "SELECT next_offset::text FROM positions").await, "18");
    })
    .await;
}
