//! What follows from messages: links, views, gates.

use grammers_client::tl;
use tickertape_loopback_telegram::{BOT, ChatKind as Kind, ChatSpec, callback_button, url_button};
use tickertape_records::{ChatKind, FoundIn};

use crate::support::{Running, Setup, eventually, public, setup, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_goes_out_once_with_its_preview() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    for nth in 0..60 {
        setup.telegram.post(1, &format!("post {nth}"));
    }
    let running = setup.start();
    setup
        .heard(9, 1, "join t.me/Channel1 or T.me/channel1/5, not t.me/addstickers/x", ChatKind::Channel)
        .await;
    until(|| async { setup.links().await.len() == 1 }).await;
    setup.heard(9, 2, "@channel1 again", ChatKind::Channel).await;
    setup.heard(9, 2, "@channel1 again, edited", ChatKind::Channel).await;
    until(|| async { setup.links().await.len() == 2 }).await;
    running.stop().await;
    let links = setup.links().await;
    let first = &links[0];
    assert_eq!((first.link.as_str(), first.found_in), ("https://t.me/channel1", FoundIn::Text));
    let preview = first.preview.clone().unwrap();
    assert_eq!((preview.title.as_str(), preview.participants), ("Channel 1", Some(10)));
    assert_eq!((preview.messages.len(), preview.messages[0].text.as_str()), (50, "post 59"));
    let again = links[1].preview.clone().unwrap();
    assert_eq!((again.title.as_str(), again.messages.len()), ("Channel 1", 0), "known, and not sent twice");
    assert_eq!(setup.telegram.asked("contacts.resolveUsername"), 1);
    assert!(!setup.is_member(1), "nobody joins only to look");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_links_go_out_without_a_preview() {
    let Some(mut setup) = setup().await else { return };
    setup.account.lookups_a_day = 1;
    setup.telegram.add_chat(public(1));
    setup.telegram.add_chat(public(2));
    let running = setup.start();
    setup.heard(9, 1, "@channel1", ChatKind::Channel).await;
    until(|| async { setup.links().await.len() == 1 }).await;
    setup.heard(9, 2, "@channel2", ChatKind::Channel).await;
    until(|| async { setup.links().await.len() == 2 }).await;
    running.stop().await;
    let links = setup.links().await;
    assert!(links[0].preview.is_some());
    assert_eq!(links[1].preview, None);
    assert_eq!(setup.telegram.asked("contacts.resolveUsername"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_counted_when_due_and_late_after_a_restart() {
    let Some(setup) = setup().await else { return };
    setup.telegram.add_chat(public(1));
    setup.telegram.add_member(setup.id, 1);
    let posts: Vec<i32> = (0..3).map(|_| setup.telegram.post(1, "post")).collect();
    let running = setup.start();
    until(|| async { !setup.channels().await.is_empty() }).await;
    let posted = setup.now();
    for (nth, id) in posts.iter().enumerate() {
        setup.telegram.view(1, *id, 100 + nth as i32, 1);
        setup.heard(1, i64::from(*id), "post", ChatKind::Channel).await;
    }
    until(|| async { setup.count("control_views").await == 9 }).await;
    assert_eq!(setup.telegram.asked("messages.getMessagesViews"), 0);
    setup.turn(5 * 60 + 1);
    until(|| async { setup.views().await.len() == 3 }).await;
    let views: Vec<_> = setup.views().await.iter().map(|view| (view.after_minutes, view.views)).collect();
    assert_eq!(views, [(5, 100), (5, 101), (5, 102)]);
    assert_eq!(setup.telegram.asked("messages.getMessagesViews"), 1, "asked together");
    running.kill().await;

    setup.turn(2 * 3600);
    setup.telegram.delete(1, &posts[..1]);
    let running = setup.start();
    until(|| async { setup.count("control_views").await == 0 }).await;
    until(|| async { setup.views().await.len() == 7 }).await;
    running.stop().await;
    let late = setup.views().await;
    assert!(
        late[3..].iter().all(|view| view.counted_at >= posted + 2 * 3600),
        "counted late, and it says so"
    );
    assert!(
        late[3..].iter().all(|view| view.message_id != i64::from(posts[0])),
        "a deleted post has no count"
    );
}

const GROUP: i64 = 5;

/// Written by a bot, to us.
fn asked(shape: &mut tl::types::Message) {
    shape.mentioned = true;
    shape.from_id = Some(tl::types::PeerUser { user_id: BOT }.into());
}

fn human(shape: &mut tl::types::Message) {
    asked(shape);
    shape.reply_markup = Some(callback_button("I'm human", b"human"));
}

/// In the group since just now.
async fn joined(answer: bool) -> Option<(Setup, Running)> {
    let mut setup = setup().await?;
    setup.account.answer_gates = answer;
    setup.telegram.add_chat(ChatSpec { kind: Kind::Supergroup, ..public(GROUP) });
    let running = setup.start();
    setup.join("join", "https://t.me/channel5").await;
    setup.answer("join").await;
    Some((setup, running))
}

async fn settle(setup: &Setup, id: i32) {
    setup.heard(GROUP, i64::from(id), "", ChatKind::Supergroup).await;
    let asked = setup.telegram.asked("channels.getMessages");
    until(|| async { setup.telegram.asked("channels.getMessages") > asked }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_is_answered_once_and_written_down() {
    let Some((setup, running)) = joined(true).await else { return };
    let text = "Prove that you are human: press the button";
    let phishing = setup.telegram.post_with(GROUP, text, |shape| {
        asked(shape);
        shape.reply_markup = Some(url_button("Verify", "https://example.org"));
    });
    settle(&setup, phishing).await;
    let claim = setup.telegram.post_with(GROUP, "Press to claim your airdrop, human", human);
    settle(&setup, claim).await;
    assert!(setup.telegram.presses().is_empty());
    let gate = setup.telegram.post_with(GROUP, text, human);
    settle(&setup, gate).await;
    until(|| async { !setup.telegram.presses().is_empty() }).await;
    setup.heard(GROUP, i64::from(gate), "", ChatKind::Supergroup).await;
    setup.heard(GROUP, i64::from(gate), "", ChatKind::Supergroup).await;
    until(|| async { setup.count("control_gates WHERE outcome = 'ok'").await == 1 }).await;
    running.stop().await;
    assert_eq!(setup.telegram.presses(), [(setup.id, GROUP, gate, b"human".to_vec())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_is_answered_in_digits() {
    let Some((setup, running)) = joined(true).await else { return };
    let gate = setup.telegram.post_with(GROUP, "What is seven minus two?", asked);
    settle(&setup, gate).await;
    let said = eventually(|| async {
        setup
            .telegram
            .chat(GROUP)
            .messages
            .values()
            .map(|message| message.text.clone())
            .find(|text| text == "5")
    })
    .await;
    assert_eq!(said, "5");
    running.stop().await;
    assert_eq!(setup.count("control_gates WHERE answer = '5' AND outcome = 'sent'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_are_left_alone_unless_the_owner_allows_it_and_when_it_is_late() {
    let Some((setup, running)) = joined(false).await else { return };
    let gate = setup.telegram.post_with(GROUP, "Prove that you are human", human);
    setup.heard(GROUP, i64::from(gate), "", ChatKind::Supergroup).await;
    setup.tell("report", 60, tickertape_records::Action::Report).await;
    setup.answer("report").await;
    assert_eq!(setup.telegram.asked("channels.getMessages"), 0);
    running.stop().await;

    let Some((setup, running)) = joined(true).await else { return };
    let gate = setup.telegram.post_with(GROUP, "Prove that you are human", human);
    setup.turn(301);
    setup.heard(GROUP, i64::from(gate), "", ChatKind::Supergroup).await;
    setup.tell("report", 60, tickertape_records::Action::Report).await;
    setup.answer("report").await;
    running.stop().await;
    assert!(setup.telegram.presses().is_empty());
    assert_eq!(setup.count("control_gates").await, 0);
}
