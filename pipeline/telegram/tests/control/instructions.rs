//! Instructions: what each leads to, and that each is done and answered once whatever happens.

use std::time::Duration;

use tickertape_loopback_telegram::{AccountSpec, ChatKind, ChatSpec};
use tickertape_records::{AccountState, Action, FailureReason, Membership, Outcome, Report, peer, topics};

use crate::support::{eventually, public, setup, setup_with, until};

fn reason(outcome: &Outcome) -> FailureReason {
    match outcome {
        Outcome::Failed { reason, .. } => *reason,
        other => panic!("not a failure: {other:?}"),
    }
}

fn done(chat: i64) -> Outcome {
    Outcome::Done { chat_id: Some(peer::channel(chat)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_by_name_and_by_invite_is_answered_and_described() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    let hidden = ChatSpec { username: None, invite: Some("AbC_d".to_owned()), ..public(2) };
    setup.telegram.add_chat(hidden);
    let running = setup.start();
    setup.join("one", "https://t.me/channel1").await;
    setup.join("two", "https://t.me/+AbC_d").await;
    assert_eq!(setup.answer("one").await, done(1));
    assert_eq!(setup.answer("two").await, done(2));
    assert!(setup.is_member(1) && setup.is_member(2));
    let described = eventually(|| async {
        setup.channels().await.into_iter().find(|channel| channel.chat_id == peer::channel(1))
    })
    .await;
    assert_eq!(
        (described.username.as_deref(), described.about.as_deref()),
        (Some("channel1"), Some("About 1"))
    );
    assert_eq!((described.participants, described.membership), (Some(10), Membership::Member));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_has_its_reason() {
    let Some(mut setup) = setup().await else { return };
    setup.account.joins_a_day = 6;
    for id in 1..=4 {
        setup.telegram.add_chat(public(id));
    }
    setup.telegram.add_chat(ChatSpec { by_request: true, ..public(5) });
    setup.telegram.ban_from(setup.id, 4);
    let running = setup.start();
    setup.join("nobody", "https://t.me/nobody_here").await;
    setup.join("expired invite", "https://t.me/+Gone").await;
    setup.join("no chat", "https://t.me/addstickers/Cats").await;
    setup.join("by request", "https://t.me/channel5").await;
    setup.join("banned", "https://t.me/channel4").await;
    setup.tell("late", -1, Action::Join { link: "https://t.me/channel1".to_owned() }).await;
    setup.tell("never met", 60, Action::Join { link: "https://t.me/c/77".to_owned() }).await;
    assert_eq!(reason(&setup.answer("nobody").await), FailureReason::NotFound);
    assert_eq!(reason(&setup.answer("expired invite").await), FailureReason::NotFound);
    assert_eq!(reason(&setup.answer("no chat").await), FailureReason::NotAChannel);
    assert!(matches!(setup.answer("by request").await, Outcome::Requested { .. }));
    let banned = reason(&setup.answer("banned").await);
    assert!(matches!(banned, FailureReason::BannedThere | FailureReason::Private), "{banned:?}");
    assert_eq!(reason(&setup.answer("late").await), FailureReason::Expired);
    assert_eq!(reason(&setup.answer("never met").await), FailureReason::Private);
    // The sixth was the last of the day.
    setup.join("over budget", "https://t.me/channel1").await;
    let Outcome::Failed { reason: FailureReason::Flood, retry_at: Some(at), .. } =
        setup.answer("over budget").await
    else {
        panic!("not a matter of the budget")
    };
    assert_eq!(at % 86_400, 0, "the next day");
    assert!(!setup.is_member(1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_room_for_so_many_channels() {
    let spec = AccountSpec { channels_at_most: 3, ..AccountSpec::default() };
    let Some(setup) = setup_with(spec).await else { return };
    let running = setup.start();
    for id in 1..=4 {
        setup.telegram.add_chat(public(id));
        setup.join(&id.to_string(), &format!("https://t.me/channel{id}")).await;
    }
    assert_eq!(setup.answer("3").await, done(3));
    assert_eq!(reason(&setup.answer("4").await), FailureReason::TooManyChannels);
    setup.tell("leave", 60, Action::Leave { chat_id: peer::channel(1) }).await;
    assert_eq!(setup.answer("leave").await, done(1));
    setup.join("again", "https://t.me/channel4").await;
    assert_eq!(setup.answer("again").await, done(4));
    assert!(!setup.is_member(1) && setup.is_member(4));
    // A name that is known is not looked up again.
    assert_eq!(setup.telegram.asked("contacts.resolveUsername"), 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_flood_fails_and_nothing_is_asked_before_its_time() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    setup.telegram.add_chat(public(2));
    setup.telegram.flood("channels.joinChannel", 1, 5000);
    let running = setup.start();
    setup.join("flooded", "https://t.me/channel1").await;
    let Outcome::Failed { reason: FailureReason::Flood, retry_at: Some(at), .. } =
        setup.answer("flooded").await
    else {
        panic!("no flood")
    };
    assert!(at >= setup.now() + 4900);
    setup.join("too soon", "https://t.me/channel2").await;
    assert_eq!(reason(&setup.answer("too soon").await), FailureReason::Flood);
    setup.tell("report", 60, Action::Report).await;
    setup.answer("report").await;
    let limited =
        |report: &Report| matches!(report, Report::State(status) if status.limited_until == Some(at));
    until(|| async { setup.reports().await.iter().any(limited) }).await;
    assert_eq!((setup.telegram.asked("channels.joinChannel"), setup.telegram.early()), (1, 0));
    running.stop().await;
}

/// Of a request that no budget counts: only the wait itself, kept over the restart, holds it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_outlives_the_process() {
    const METHOD: &str = "channels.getFullChannel";
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    let running = setup.start();
    setup.join("join", "https://t.me/channel1").await;
    setup.answer("join").await;
    setup.telegram.flood(METHOD, 1, 5000);
    let describe = Action::Describe { chat_id: peer::channel(1) };
    setup.tell("one", 60, describe.clone()).await;
    assert_eq!(reason(&setup.answer("one").await), FailureReason::Flood);
    until(|| async { setup.count("control_waits").await == 1 }).await;
    running.kill().await;
    let asked = setup.telegram.asked(METHOD);
    let running = setup.start();
    setup.tell("two", 60, describe).await;
    assert_eq!(reason(&setup.answer("two").await), FailureReason::Flood);
    running.stop().await;
    assert_eq!((setup.telegram.asked(METHOD), setup.telegram.early()), (asked, 0));
}

/// As with joining: Telegram has let the account go, and the process died before it knew.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_it_was_told_to_leave_is_not_lost() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    setup.telegram.add_member(setup.id, 1);
    let running = setup.start();
    until(|| async { setup.count("control_chats").await == 1 }).await;
    setup.telegram.mute_everything(true);
    setup.tell("leave", 60, Action::Leave { chat_id: peer::channel(1) }).await;
    until(|| async { setup.count("control_instructions WHERE state = 'begun'").await == 1 }).await;
    running.kill().await;
    setup.telegram.mute_everything(false);
    setup.telegram.ban_from(setup.id, 1);
    let running = setup.start();
    assert_eq!(setup.answer("leave").await, done(1));
    running.stop().await;
    assert!(!setup.reports().await.iter().any(|report| matches!(report, Report::Lost { .. })));
    assert_eq!(setup.count("control_chats").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_flood_is_waited_for() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    setup.telegram.flood("channels.joinChannel", 2, 1);
    let running = setup.start();
    setup.join("one", "https://t.me/channel1").await;
    assert_eq!(setup.answer("one").await, done(1));
    assert_eq!(setup.telegram.early(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_are_spaced_also_over_a_restart() {
    let Some(mut setup) = setup().await else { return };
    setup.account.join_spacing = 600;
    setup.telegram.add_chat(public(1));
    setup.telegram.add_chat(public(2));
    let running = setup.start();
    setup.join("one", "https://t.me/channel1").await;
    setup.answer("one").await;
    running.kill().await;
    let running = setup.start();
    setup.join("two", "https://t.me/channel2").await;
    setup.tell("report", 60, Action::Report).await;
    setup.answer("report").await; // worked on behind it
    assert_eq!(setup.telegram.asked("channels.joinChannel"), 1);
    setup.turn(600);
    assert_eq!(setup.answer("two").await, done(2));
    running.stop().await;
}

/// The moment that matters: Telegram has let the account in, and the process died before it knew.
#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_happened_before_a_kill_is_found_out() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    setup.telegram.add_chat(public(2));
    setup.telegram.mute_everything(true);
    let running = setup.start();
    for (id, chat) in [("happened", 1), ("did not", 2)] {
        setup.join(id, &format!("https://t.me/channel{chat}")).await;
    }
    until(|| async { setup.count("control_instructions").await == 2 }).await;
    running.kill().await;
    sqlx::query("UPDATE control_instructions SET state = 'begun'").execute(&setup.pool).await.unwrap();
    setup.telegram.mute_everything(false);
    setup.telegram.add_member(setup.id, 1);
    let running = setup.start();
    assert_eq!(setup.answer("happened").await, done(1));
    assert_eq!(setup.answer("did not").await, done(2));
    assert_eq!(setup.telegram.asked("channels.joinChannel"), 1, "only the one that had not happened");
    running.stop().await;
    assert_eq!(setup.answers().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_lose_and_repeat_nothing() {
    const CHATS: i64 = 12;
    let Some(setup) = setup().await else { return };
    for id in 1..=CHATS {
        setup.telegram.add_chat(public(id));
        setup.join(&format!("join {id}"), &format!("https://t.me/channel{id}")).await;
        setup.heard(100, id, &format!("see @channel{id}"), tickertape_records::ChatKind::Channel).await;
    }
    for kill in 0..25_u64 {
        let running = setup.start();
        tokio::time::sleep(Duration::from_millis(5 + kill * 37 % 90)).await;
        running.kill().await;
    }
    let running = setup.start();
    for id in 1..=CHATS {
        assert_eq!(setup.answer(&format!("join {id}")).await, done(id));
    }
    until(|| async { setup.count("control_links WHERE record IS NOT NULL").await == 0 }).await;
    until(|| async { setup.count("control_outbox").await == 0 }).await;
    running.stop().await;
    let mut answered: Vec<String> = setup.answers().await.into_iter().map(|(id, _)| id).collect();
    answered.sort();
    let all = answered.len();
    answered.dedup();
    assert_eq!((answered.len(), all), (CHATS as usize, CHATS as usize), "each once");
    let mut links: Vec<(i64, String)> =
        setup.links().await.into_iter().map(|link| (link.message_id, link.link)).collect();
    links.sort();
    let all = links.len();
    links.dedup();
    assert_eq!((links.len(), all), (CHATS as usize, CHATS as usize), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banned_account_says_so_and_answers_what_it_is_told() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    setup.telegram.add_member(setup.id, 1);
    let running = setup.start();
    setup.tell("before", 60, Action::Report).await;
    setup.answer("before").await;
    setup.telegram.ban(setup.id);
    setup.join("after", "https://t.me/channel1").await;
    assert_eq!(reason(&setup.answer("after").await), FailureReason::Account);
    let ended = |report: &Report| match report {
        Report::State(status) => {
            matches!(status.state, AccountState::Banned | AccountState::SignedOut) && status.chats.is_empty()
        }
        _ => false,
    };
    until(|| async { setup.reports().await.iter().any(ended) }).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_throws_the_account_out_is_reported_lost() {
    let Some(mut setup) = setup().await else { return };
    setup.options.report_every = 1;
    for id in [1, 2] {
        setup.telegram.add_chat(public(id));
        setup.telegram.add_member(setup.id, id);
    }
    let running = setup.start();
    until(|| async { setup.channels().await.len() == 2 }).await;
    setup.telegram.ban_from(setup.id, 2);
    let lost =
        |report: &Report| matches!(report, Report::Lost { chat_id, .. } if *chat_id == peer::channel(2));
    until(|| async {
        setup.turn(2);
        setup.reports().await.iter().any(lost)
    })
    .await;
    running.stop().await;
    assert_eq!(setup.reports().await.iter().filter(|report| lost(report)).count(), 1);
    let states: Vec<_> = setup
        .reports()
        .await
        .into_iter()
        .filter_map(|report| match report {
            Report::State(status) => Some((status.state, status.chats)),
            _ => None,
        })
        .collect();
    assert_eq!(states.first(), Some(&(AccountState::Online, vec![peer::channel(2), peer::channel(1)])));
    assert_eq!(states.last(), Some(&(AccountState::Offline, vec![peer::channel(1)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn describing_and_resolving_do_not_join() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(ChatSpec { kind: ChatKind::Supergroup, ..public(1) });
    setup.telegram.post(1, "hello");
    let running = setup.start();
    let resolve = Action::Resolve { link: "https://t.me/channel1".to_owned(), seen_in: (0, 0) };
    setup.tell("resolve", 60, resolve).await;
    assert_eq!(setup.answer("resolve").await, done(1));
    setup.tell("describe", 60, Action::Describe { chat_id: peer::channel(1) }).await;
    assert_eq!(setup.answer("describe").await, done(1));
    let nobody = Action::Resolve { link: "https://t.me/nobody_here".to_owned(), seen_in: (0, 0) };
    setup.tell("nobody", 60, nobody).await;
    assert_eq!(reason(&setup.answer("nobody").await), FailureReason::NotFound);
    running.stop().await;
    let links = setup.links().await;
    let preview = links[0].preview.clone().unwrap();
    assert_eq!((preview.title.as_str(), preview.about.as_deref()), ("Channel 1", Some("About 1")));
    assert_eq!(preview.messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["hello"]);
    assert_eq!(links[1].preview.clone().unwrap().unavailable.as_deref(), Some("not_found"));
    assert_eq!(setup.channels().await.last().unwrap().membership, Membership::Outside);
    assert!(!setup.is_member(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_or_no_instruction_costs_one_record() {
    let Some(setup) = setup().await else { return };
    setup.append(topics::INSTRUCTIONS, 0, "beta", b"{}").await;
    setup.append(topics::INSTRUCTIONS, 0, "alpha", b"not json").await;
    setup.tell("no\0table holds this", 60, Action::Report).await;
    setup.tell("report", 60, Action::Report).await;
    setup.tell("report", 60, Action::Report).await;
    let running = setup.start();
    assert_eq!(setup.answer("report").await, Outcome::Done { chat_id: None });
    running.stop().await;
    assert_eq!((setup.answers().await.len(), setup.dead_letters().await), (1, 2));
}
