//! What is heard live, field by field.

use grammers_client::tl;
use tickertape_loopback_telegram::{ChatKind, ChatSpec, reply_to, url_button};
use tickertape_records::{self as records, EventKind, SourceKind, peer};

use crate::support::{CHAT, channel, eventually, group, setup};

#[tokio::test(flavor = "multi_thread")]
async fn messages_edits_and_deletions_reach_the_log() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    let first = setup.telegram.post(CHAT, "first");
    let second = setup.telegram.post(CHAT, "second");
    setup.agrees().await;
    setup.telegram.edit(CHAT, first, "first, edited");
    setup.telegram.edit(CHAT, first, "first, edited twice");
    setup.telegram.delete(CHAT, &[second]);
    setup.agrees().await;
    running.stop().await;
    let kept = setup.kept(CHAT).await;
    assert_eq!(kept[&first].0, "first, edited twice");
    assert!(kept[&second].2);
    assert_eq!(setup.open_gaps().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_that_are_pushed_reach_the_log() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    let id = setup.telegram.post_with(CHAT, "a post", |message| {
        (message.views, message.date) = (Some(1), message.date - 130);
    });
    setup.agrees().await;
    setup.telegram.view(CHAT, id, 40, 5);
    eventually(|| async {
        let counts = setup.views().await.len();
        (counts < 2).then(|| format!("{counts} counts"))
    })
    .await;
    running.stop().await;
    let counts = setup.views().await;
    assert_eq!(
        counts.iter().map(|count| (count.views, count.forwards)).collect::<Vec<_>>(),
        [(40, Some(0)), (40, Some(5))]
    );
    let last = &counts[1];
    assert_eq!((last.chat_id, last.message_id), (peer::channel(CHAT), i64::from(id)));
    assert_eq!(last.after_minutes, 2);
    assert_eq!(last.account, "alpha");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_kept() {
    let Some(setup) = setup().await else { return };
    let running = setup.start();
    setup.telegram.post(CHAT, "a parent");
    let id = setup.telegram.post_with(CHAT, "buy $BTC here", |message| {
        let mut reply = reply_to(1);
        reply.reply_to_peer_id = Some(tl::types::PeerChannel { channel_id: 42 }.into());
        reply.reply_to_top_id = Some(7);
        message.reply_to = Some(reply.into());
        message.entities = Some(vec![
            tl::types::MessageEntityCashtag { offset: 4, length: 4 }.into(),
            tl::types::MessageEntityTextUrl { offset: 9, length: 4, url: "https://t.me/x".into() }.into(),
        ]);
        message.reply_markup = Some(url_button("Join", "https://t.me/joinchat/abc"));
        message.fwd_from = Some(
            tl::types::MessageFwdHeader {
                imported: false,
                saved_out: false,
                from_id: Some(tl::types::PeerChannel { channel_id: 43 }.into()),
                from_name: None,
                date: 1000,
                channel_post: Some(5),
                post_author: Some("Ann".into()),
                saved_from_peer: None,
                saved_from_msg_id: None,
                saved_from_id: None,
                saved_from_name: None,
                saved_date: None,
                psa_type: None,
            }
            .into(),
        );
        (message.via_bot_id, message.grouped_id) = (Some(99), Some(12_345_678_901));
        (message.silent, message.pinned) = (true, true);
        message.reactions = Some(
            tl::types::MessageReactions {
                min: false,
                can_see_list: false,
                reactions_as_tags: false,
                results: vec![
                    tl::types::ReactionCount {
                        chosen_order: None,
                        reaction: tl::types::ReactionEmoji { emoticon: "🔥".into() }.into(),
                        count: 3,
                    }
                    .into(),
                ],
                recent_reactions: None,
                top_reactors: None,
            }
            .into(),
        );
        message.media =
            Some(tl::types::MessageMediaDice { value: 3, emoticon: "🎲".into(), game_outcome: None }.into());
    });
    setup.agrees().await;
    running.stop().await;
    let all = setup.messages().await;
    let message = all.iter().find(|message| message.message_id == i64::from(id)).unwrap();
    let entity = |kind: &str, offset, length, url: Option<&str>| records::Entity {
        kind: kind.into(),
        offset,
        length,
        url: url.map(Into::into),
        ..records::Entity::default()
    };
    let expected = records::Message {
        schema: records::SCHEMA,
        chat_id: peer::channel(CHAT),
        chat_kind: records::ChatKind::Channel,
        chat_title: Some(format!("Channel {CHAT}")),
        message_id: i64::from(id),
        date: message.date,
        text: "buy $BTC here".into(),
        entities: vec![entity("cashtag", 4, 4, None), entity("text_url", 9, 4, Some("https://t.me/x"))],
        reply_to_message_id: Some(1),
        reply_to_chat_id: Some(peer::channel(42)),
        topic_id: Some(7),
        forward: Some(records::Forward {
            from_id: Some(peer::channel(43)),
            date: Some(1000),
            message_id: Some(5),
            author: Some("Ann".into()),
            ..records::Forward::default()
        }),
        via_bot: Some("99".into()),
        grouped_id: Some(12_345_678_901),
        views: Some(1),
        forwards: Some(0),
        reactions: vec![records::Reaction { emoji: "🔥".into(), count: 3 }],
        media: Some(records::Media {
            kind: "dice".into(),
            title: Some("🎲".into()),
            ..records::Media::default()
        }),
        buttons: vec![vec![records::Button {
            text: "Join".into(),
            url: Some("https://t.me/joinchat/abc".into()),
        }]],
        post: true,
        silent: true,
        pinned: true,
        source: records::Source { kind: SourceKind::Telegram, name: "alpha".into(), position: None },
        received_at: message.received_at,
        ..records::Message::default()
    };
    assert_eq!(*message, expected);
    assert!(message.received_at >= Some(message.date));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_chat_is_an_event() {
    let Some(setup) = setup().await else { return };
    let id = CHAT + 1;
    let spec = ChatSpec { kind: ChatKind::Supergroup, forum: true, ..channel(id) };
    setup.telegram.add_chat(spec);
    setup.telegram.add_member(setup.account, id);
    let running = setup.start();
    let someone = 555_000; // who does everything here
    let said = setup.telegram.post(id, "to be pinned");
    // What happens from here on is told as it happens; an unpinning before the first look would leave no trace.
    eventually(|| async { setup.messages().await.is_empty().then(|| "not followed yet".to_owned()) }).await;
    let actions: Vec<(tl::enums::MessageAction, EventKind)> = vec![
        (tl::types::MessageActionChatAddUser { users: vec![someone] }.into(), EventKind::Joined),
        (tl::types::MessageActionChatAddUser { users: vec![8] }.into(), EventKind::Added),
        (tl::types::MessageActionChatDeleteUser { user_id: someone }.into(), EventKind::Left),
        (tl::types::MessageActionChatDeleteUser { user_id: 8 }.into(), EventKind::Kicked),
        (tl::types::MessageActionChatJoinedByLink { inviter_id: 9 }.into(), EventKind::JoinedByLink),
        (tl::types::MessageActionChatEditTitle { title: "New".into() }.into(), EventKind::Title),
        (tl::enums::MessageAction::ChatDeletePhoto, EventKind::Photo),
        (tl::enums::MessageAction::PinMessage, EventKind::Pin),
        (
            tl::types::MessageActionChannelMigrateFrom { title: "Old".into(), chat_id: 5 }.into(),
            EventKind::Migrate,
        ),
        (
            tl::types::MessageActionTopicCreate {
                title_missing: false,
                title: "Topic".into(),
                icon_color: 0,
                icon_emoji_id: None,
            }
            .into(),
            EventKind::Topic,
        ),
        (tl::enums::MessageAction::ScreenshotTaken, EventKind::Other),
    ];
    let mut expected: Vec<(i64, EventKind)> = actions
        .into_iter()
        .map(|(action, kind)| (i64::from(setup.telegram.service(id, action)), kind))
        .collect();
    setup.telegram.pin(id, said, false);
    expected.push((-i64::from(setup.telegram.chat(id).pts), EventKind::Unpin));
    expected.sort_by_key(|(id, _)| *id);
    eventually(|| async {
        let seen = setup.events().await.len();
        (seen < expected.len()).then(|| format!("{seen} events"))
    })
    .await;
    running.stop().await;
    let mut events = setup.events().await;
    events.sort_by_key(|event| event.message_id);
    let seen: Vec<_> = events.iter().map(|event| (event.message_id, event.kind)).collect();
    assert_eq!(seen, expected);
    let title = events.iter().find(|event| event.kind == EventKind::Title).unwrap();
    assert_eq!((title.title.as_deref(), title.actor_id), (Some("New"), Some(someone)));
    assert_eq!(
        (title.actor_name.as_deref(), title.action.as_str()),
        (Some("Some One"), "MessageActionChatEditTitle")
    );
    assert_eq!(title.chat_kind, records::ChatKind::Supergroup);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basic_group_is_followed_though_its_ids_are_shared() {
    let Some(setup) = setup().await else { return };
    let (one, other) = (71, 72);
    for id in [one, other] {
        setup.telegram.add_chat(group(id));
        setup.telegram.add_member(setup.account, id);
    }
    setup.telegram.post(one, "before we came");
    let running = setup.start();
    let texts = |id: i64| {
        let setup = &setup;
        async move {
            let all = setup.messages().await;
            let of = all.into_iter().filter(|message| message.chat_id == peer::group(id));
            of.map(|message| (message.text, message.deleted_at.is_some())).collect::<Vec<_>>()
        }
    };
    setup.telegram.post(other, "b");
    let doomed = setup.telegram.post(one, "c");
    eventually(|| async { (texts(one).await.len() < 2).then(|| "not yet".to_owned()) }).await;
    setup.telegram.delete(one, &[doomed]);
    eventually(|| async { (texts(one).await.len() < 3).then(|| "not yet".to_owned()) }).await;
    setup.closed().await;
    running.stop().await;
    let one = texts(one).await;
    assert!(
        one.contains(&("before we came".to_owned(), false)) && one.contains(&(String::new(), true)),
        "{one:?}"
    );
    assert_eq!(texts(other).await, [("b".to_owned(), false)]);
}
