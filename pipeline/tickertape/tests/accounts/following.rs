//! `up` with accounts: they are followed side by side, and what happens to one does not touch the others.

use sqlx::PgPool;
use tickertape_loopback_telegram::{AccountSpec, ChatSpec};
use tickertape_postgres_server::Server;

use crate::support::{CODE, User, count, stderr, stdout, until};

fn chat(user: &User, id: i64, posts: i32) {
    user.telegram.add_chat(ChatSpec {
        id,
        title: format!("Channel {id}"),
        username: Some(format!("channel{id}")),
        ..ChatSpec::default()
    });
    for nth in 0..posts {
        user.telegram.post(id, &format!("$BTC {nth}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_is_banned_one_signs_in_late_and_the_third_misses_nothing() {
    let Some(server) = Server::shared() else { return };
    let url = server.create_database(&[]);
    let pool = PgPool::connect(&url).await.expect("connects");
    let mut user = User::new().await;
    user.set("DATABASE_URL", &url);
    let alpha = user.signed_in("alpha", AccountSpec::default()).await;
    let beta =
        user.signed_in("beta", AccountSpec { phone: "+10000000002".into(), ..AccountSpec::default() }).await;
    let late = AccountSpec { phone: "+10000000003".into(), code: CODE.into(), ..AccountSpec::default() };
    let gamma = user.account("gamma", late).await;
    for (account, id, posts) in [(alpha, 1, 120), (beta, 2, 5), (gamma, 3, 7)] {
        chat(&user, id, posts);
        user.telegram.add_member(account, id);
    }

    let up = user.start(&["up"]);
    until(|| async { count(&pool, "messages").await == 125 }).await;
    user.telegram.ban(beta);
    user.telegram.hang_up();
    until(|| async { count(&pool, "client_reports WHERE account = 'beta' AND state = 'banned'").await == 1 })
        .await;
    for nth in 0..10 {
        user.telegram.post(1, &format!("$ETH {nth}"));
    }
    until(|| async { count(&pool, "messages").await == 135 }).await;
    let login =
        user.run(&["login", "gamma"], &[("TELEGRAM_PHONE", "+10000000003"), ("TELEGRAM_CODE", CODE)]).await;
    assert!(login.status.success(), "{}", stderr(&login));
    until(|| async { count(&pool, "messages").await == 142 }).await;
    // The manager gives the channel of the banned account to another.
    until(|| async {
        count(&pool, "control_chats WHERE chat_id = -1000000000002 AND account <> 'beta'").await == 1
    })
    .await;
    let said = up.terminate();
    for line in [
        "account alpha: connecting",
        "account beta: signed out or banned; the log says why",
        "account gamma: not signed in; `tickertape login gamma` does that",
        "account gamma: connecting",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // What was said while nobody listened.
    for nth in 0..5 {
        user.telegram.post(1, &format!("$SOL {nth}"));
    }
    let up = user.start(&["up"]);
    until(|| async { count(&pool, "messages").await == 147 }).await;
    up.terminate();
    assert_eq!(count(&pool, "messages").await, 147);
    let offline = "client_reports WHERE account = 'alpha' AND state = 'offline'";
    assert!(count(&pool, offline).await >= 1, "it says that it stops");

    let shown = stdout(&user.run(&["accounts", "alpha"], &[]).await);
    assert!(shown.ends_with("-1000000000001\tchannel1\tChannel 1\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_up_says_so_and_works_and_telegram_does_not() {
    let Some(server) = Server::shared() else { return };
    let url = server.create_database(&[]);
    let pool = PgPool::connect(&url).await.expect("connects");
    let mut user = User::new().await;
    user.set("DATABASE_URL", &url);
    let telegram = user.run(&["telegram"], &[]).await;
    assert_eq!(telegram.status.code(), Some(1));
    assert!(stderr(&telegram).contains("no Telegram account is configured"), "{}", stderr(&telegram));
    let dump = r#"{"_":"Message","id":1,"peer_id":{"channel_id":7},"date":"2021-01-01T00:00:00+00:00","message":"$BTC"}"#;
    let file = user.file("dump.jsonl", dump);
    let up = user.start(&["up", &file]);
    until(|| async { count(&pool, "messages").await == 1 }).await;
    let said = up.terminate();
    assert!(said.contains("no Telegram account is configured"), "{said}");
}
