//! The counters of posts as Telegram pushes them: one at a time, with no more of the post than its id. What is needed
//! to say it whole is remembered of the posts that were heard last.

use std::collections::{HashMap, VecDeque};

use grammers_client::tl;
use tickertape_records::{Message, SCHEMA, ViewCount, peer};

/// Posts remembered: a day of 500 busy channels, some ten megabytes.
const POSTS: usize = 100_000;

#[derive(Debug, Clone, Copy)]
struct Post {
    date: i64,
    views: i64,
    forwards: Option<i64>,
}

/// The counters of the posts heard last.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    known: HashMap<(i64, i64), Post>,
    /// As they were first heard, so that the oldest is forgotten.
    order: VecDeque<(i64, i64)>,
}

impl Posts {
    /// A message was heard; those that nobody counts are not remembered.
    pub(crate) fn hear(&mut self, message: &Message) {
        let Some(views) = message.views else { return };
        let key = (message.chat_id, message.message_id);
        let post = Post { date: message.date, views, forwards: message.forwards };
        if self.known.insert(key, post).is_none() {
            self.order.push_back(key);
            if self.order.len() > POSTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    /// What an update says of a post; none when it is about something else, or about a post that is not remembered.
    pub(crate) fn count(&mut self, update: &tl::enums::Update, account: &str, now: i64) -> Option<ViewCount> {
        use tl::enums::Update as U;
        let (channel_id, id, views, forwards) = match update {
            U::ChannelMessageViews(of) => (of.channel_id, of.id, Some(of.views), None),
            U::ChannelMessageForwards(of) => (of.channel_id, of.id, None, Some(of.forwards)),
            _ => return None,
        };
        let (chat_id, message_id) = (peer::channel(channel_id), i64::from(id));
        let post = self.known.get_mut(&(chat_id, message_id))?;
        post.views = views.map_or(post.views, i64::from);
        post.forwards = forwards.map(i64::from).or(post.forwards);
        Some(ViewCount {
            schema: SCHEMA,
            chat_id,
            message_id,
            date: post.date,
            after_minutes: u32::try_from((now - post.date) / 60).unwrap_or(0),
            views: post.views,
            forwards: post.forwards,
            counted_at: now,
            account: account.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(message_id: i64) -> Message {
        let chat_id = peer::channel(7);
        Message { chat_id, message_id, date: 1_000, views: Some(1), ..Message::default() }
    }

    fn views(id: i32, views: i32) -> tl::enums::Update {
        tl::types::UpdateChannelMessageViews { channel_id: 7, id, views }.into()
    }

    #[test]
    fn a_counter_is_told_with_what_is_known_of_its_post() {
        let mut posts = Posts::default();
        posts.hear(&post(3));
        let forwards = tl::types::UpdateChannelMessageForwards { channel_id: 7, id: 3, forwards: 5 }.into();
        posts.count(&forwards, "anna", 1_030).expect("it is known");
        let count = posts.count(&views(3, 40), "anna", 1_130).expect("it is known");
        assert_eq!((count.chat_id, count.message_id, count.date), (peer::channel(7), 3, 1_000));
        assert_eq!((count.after_minutes, count.views, count.forwards), (2, 40, Some(5)));
        assert_eq!(posts.count(&views(4, 40), "anna", 1_130), None, "a post that was never heard");
    }

    #[test]
    fn only_the_posts_heard_last_are_remembered() {
        let mut posts = Posts::default();
        for id in 1..=POSTS as i64 + 1 {
            posts.hear(&post(id));
            posts.hear(&post(id)); // its edit
        }
        assert_eq!((posts.known.len(), posts.order.len()), (POSTS, POSTS));
        assert_eq!(posts.count(&views(1, 2), "anna", 1_000), None);
        assert!(posts.count(&views(2, 2), "anna", 1_000).is_some());
    }
}
