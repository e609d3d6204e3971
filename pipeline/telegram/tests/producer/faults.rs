//! Nothing is lost, whatever goes wrong; and the ledger says so.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tickertape_loopback_telegram::now;
use tickertape_records::peer;
use tickertape_telegram::Error;

use crate::support::{CHAT, Setup, channel, eventually, setup};

fn post(setup: &Setup, count: usize) {
    for number in 0..count {
        setup.telegram.post(CHAT, &format!("message {number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_read_at_the_first_start_and_only_then() {
    let Some(setup) = setup().await else { return };
    post(&setup, 350);
    setup.telegram.delete(CHAT, &[3, 4, 120]);
    setup.catch_up().await;
    let before = setup.messages().await.len();
    let ids: Vec<i64> = setup.messages().await.iter().map(|message| message.message_id).collect();
    assert!(ids.is_sorted() && ids.len() == 347, "oldest first, each once: {}", ids.len());
    let gone: Vec<(i64, i64)> = sqlx::query_as("SELECT from_id, to_id FROM producer_gone ORDER BY 1")
        .fetch_all(&setup.pool)
        .await
        .unwrap();
    assert_eq!(gone, [(3, 4), (120, 120)]);

    let pages = setup.telegram.asked("messages.getHistory");
    let running = setup.start();
    setup.telegram.post(CHAT, "one more");
    setup.agrees().await;
    running.stop().await;
    assert_eq!(setup.messages().await.len(), before + 1);
    assert_eq!(setup.telegram.asked("messages.getHistory"), pages, "nothing was missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_while_stopped_is_found() {
    let Some(setup) = setup().await else { return };
    post(&setup, 20);
    setup.catch_up().await;
    setup.telegram.edit(CHAT, 5, "edited while nobody looked");
    setup.telegram.delete(CHAT, &[6]);
    post(&setup, 150);
    setup.catch_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_loses_neither_messages_nor_edits_nor_deletions() {
    let Some(setup) = setup().await else { return };
    post(&setup, 20);
    setup.catch_up().await;
    setup.telegram.edit(CHAT, 5, "edited while nobody looked");
    setup.telegram.delete(CHAT, &[6]);
    post(&setup, 150);
    setup.telegram.answer_too_long(CHAT, 1);
    setup.catch_up().await;
    let why: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT why, from_id, to_id FROM producer_gaps WHERE why = 'too_long'")
            .fetch_all(&setup.pool)
            .await
            .unwrap();
    assert_eq!(why, [("too_long".to_owned(), 21, 170)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_and_swapped_updates_are_found() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    post(&setup, 3);
    setup.agrees().await;
    setup.telegram.drop_pushes(5);
    post(&setup, 8);
    setup.telegram.swap_pushes(3);
    post(&setup, 8);
    setup.telegram.edit(CHAT, 2, "edited");
    setup.telegram.drop_pushes(2);
    setup.telegram.edit(CHAT, 3, "an edit that is not pushed");
    setup.telegram.delete(CHAT, &[1]); // nor is this, and nothing comes behind it
    setup.agrees().await;
    setup.closed().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_were_never_used_are_not_chased() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    post(&setup, 3);
    setup.agrees().await;
    setup.telegram.skip_ids(CHAT, 5);
    post(&setup, 3);
    setup.agrees().await;
    setup.closed().await;
    running.stop().await;
    let gap: (i64, i64, i64, String) =
        sqlx::query_as("SELECT from_id, to_id, gone, why FROM producer_gaps WHERE why = 'skipped'")
            .fetch_one(&setup.pool)
            .await
            .unwrap();
    assert_eq!(gap, (4, 8, 5, "skipped".to_owned()));
    let pages = setup.telegram.asked("messages.getHistory");
    let running = setup.start();
    eventually(|| async {
        let swept = running.progress.sweeps.load(Ordering::Relaxed);
        (swept == 0).then(|| "not swept".to_owned())
    })
    .await;
    running.stop().await;
    assert_eq!(setup.telegram.asked("messages.getHistory"), pages);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_and_a_mute_line_lose_nothing() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    post(&setup, 3);
    setup.agrees().await;
    setup.telegram.hang_up();
    post(&setup, 20);
    setup.agrees().await;
    setup.telegram.mute_lines();
    post(&setup, 20);
    setup.telegram.edit(CHAT, 4, "edited unheard");
    setup.agrees().await;
    setup.telegram.mute_everything(true);
    post(&setup, 20);
    tokio::time::sleep(Duration::from_secs(2)).await;
    setup.telegram.mute_everything(false);
    setup.telegram.delete(CHAT, &[5]);
    setup.agrees().await;
    setup.closed().await;
    running.stop().await;
}

/// The client drops what its queue cannot hold: a thousand updates at once, into the capacity it has by default.
#[tokio::test(flavor = "multi_thread")]
async fn an_overrun_queue_loses_nothing() {
    let Some(mut setup) = setup().await else { return };
    setup.capacity = 100;
    let running = setup.start();
    post(&setup, 3);
    setup.agrees().await;
    post(&setup, 1000);
    setup.agrees().await;
    setup.closed().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_waited_for() {
    let Some(setup) = setup().await else { return };
    post(&setup, 150);
    for method in ["messages.getHistory", "messages.getDialogs", "updates.getChannelDifference"] {
        setup.telegram.flood(method, 1, 1);
    }
    setup.catch_up().await;
    assert_eq!(setup.telegram.early(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing() {
    let Some(setup) = setup().await else { return };
    post(&setup, 120);
    for round in 0..12 {
        let running = setup.start();
        let telegram = setup.telegram.clone();
        let busy = tokio::spawn(async move {
            for number in 0..40 {
                let id = telegram.post(CHAT, &format!("round {round}, {number}"));
                if number % 7 == 0 {
                    telegram.edit(CHAT, id - 20, &format!("edited in round {round}"));
                    telegram.delete(CHAT, &[id - 11]);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        tokio::time::sleep(Duration::from_millis(37 * round)).await;
        running.kill(&*setup.broker).await;
        busy.await.unwrap();
    }
    setup.catch_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_backfill_keeps_to_its_bounds() {
    let Some(mut setup) = setup().await else { return };
    setup.first(None, Some(30));
    post(&setup, 200);
    let running = setup.start();
    eventually(|| async {
        let seen = setup.messages().await.len();
        (seen != 30).then(|| format!("{seen}"))
    })
    .await;
    setup.closed().await;
    setup.telegram.post(CHAT, "live");
    eventually(|| async { (setup.messages().await.len() != 31).then(|| "not yet".to_owned()) }).await;
    running.stop().await;
    let messages = setup.messages().await;
    assert_eq!(messages[0].message_id, 171);

    // Another chat, by date.
    setup.first(Some(i64::from(now()) - 3600), None);
    let other = CHAT + 1;
    setup.telegram.add_chat(channel(other));
    setup.telegram.add_member(setup.account, other);
    for age in [7200, 5000, 1000, 10] {
        setup.telegram.post_with(other, "aged", |message| message.date = now() - age);
    }
    let running = setup.start();
    let of_other = || async {
        let all = setup.messages().await;
        all.into_iter().filter(|message| message.chat_id == peer::channel(other)).count()
    };
    eventually(|| async { (of_other().await != 2).then(|| "not yet".to_owned()) }).await;
    setup.closed().await;
    running.stop().await;
    assert_eq!(of_other().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banned_account_ends_its_producer() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    post(&setup, 3);
    setup.agrees().await;
    setup.telegram.ban(setup.account);
    setup.telegram.hang_up();
    let error = running.outcome().await.unwrap_err();
    assert!(error.is_account_gone(), "{error}");
    assert!(matches!(error, Error::Refused { .. }));
}
