//! Gate questions, where the account's owner has allowed it: one try for each joining, written down before it is made.

use grammers_client::tl;
use tickertape_broker::Phase;
use tickertape_records::peer;
use tokio::sync::watch;

use super::observe::GATE_TIME;
use super::store::Gate;
use super::{Control, chats, pause};
use crate::error::{Error, Result};
use crate::gate::{Answer, GateButton, Question, recognise};

impl Control {
    pub(super) async fn answer_gates(&self, mut phase: watch::Receiver<Phase>) -> Result<()> {
        while pause(&mut phase, tokio::time::sleep(self.options.pace)).await {
            loop {
                let next = self.gate_queue().pop_front();
                let Some((chat_id, message_id)) = next else { break };
                match self.gate(chat_id, message_id).await {
                    Ok(()) => {}
                    Err(error) => match self.noticed(error).await? {
                        error @ (Error::Log(_) | Error::Ledger(_)) => return Err(error),
                        error => {
                            tracing::warn!(account = self.label(), chat_id, %error, "a gate was not answered");
                        }
                    },
                }
            }
        }
        Ok(())
    }

    async fn gate(&self, chat_id: i64, message_id: i64) -> Result<()> {
        if self.is_gone() || !chats::is_channel(chat_id) {
            return Ok(());
        }
        // The bot may ask before the answer to our joining is stored; then this message is looked at no more.
        let Some(joined_at) = self.store.joined_without_gate(chat_id).await? else { return Ok(()) };
        let now = self.now();
        if now - joined_at > GATE_TIME {
            return Ok(());
        }
        let Some((question, asked_at)) = self.question(chat_id, message_id).await? else { return Ok(()) };
        // An older message was asked of someone else.
        if asked_at < joined_at - 60 {
            return Ok(());
        }
        let Some(answer) = recognise(&question) else { return Ok(()) };
        let said = match &answer {
            Answer::Press(at) => {
                question.buttons.get(*at).map_or_else(String::new, |button| button.text.clone())
            }
            Answer::Say(text) => text.clone(),
        };
        let gate = Gate { chat_id, message_id, at: now, question: &question.text, answer: &said };
        self.store.gate_begun(&gate).await?;
        let outcome = match self.answer(chat_id, message_id, &question, &answer).await {
            Ok(outcome) => outcome,
            Err(error @ (Error::Log(_) | Error::Ledger(_))) => return Err(error),
            Err(error) => error.to_string(),
        };
        self.store.gate_ended(&gate, &outcome).await
    }

    async fn answer(
        &self,
        chat_id: i64,
        message_id: i64,
        question: &Question,
        answer: &Answer,
    ) -> Result<String> {
        let msg_id = i32::try_from(message_id).unwrap_or(i32::MAX);
        match answer {
            Answer::Press(at) => {
                let data = question.buttons.get(*at).and_then(|button| button.data.clone());
                let peer = self.input_peer(chat_id);
                let request = tl::functions::messages::GetBotCallbackAnswer {
                    game: false,
                    peer,
                    msg_id,
                    data,
                    password: None,
                };
                let client = self.connection.client();
                let asked =
                    self.connection.once("messages.getBotCallbackAnswer", client.invoke(&request)).await?;
                match asked {
                    Ok(tl::enums::messages::BotCallbackAnswer::Answer(answer)) => {
                        Ok(answer.message.unwrap_or_else(|| "pressed".to_owned()))
                    }
                    Err(error) => Ok(error.to_string()),
                }
            }
            Answer::Say(text) => {
                let to = self.peer_ref(chat_id);
                let Some(to) = to else { return Ok("the chat is not known".to_owned()) };
                let client = self.connection.client();
                let message =
                    grammers_client::message::InputMessage::new().text(text.as_str()).reply_to(Some(msg_id));
                let sent =
                    self.connection.once("messages.sendMessage", client.send_message(to, message)).await?;
                Ok(sent.map_or_else(|error| error.to_string(), |_| "sent".to_owned()))
            }
        }
    }

    fn peer_ref(&self, chat_id: i64) -> Option<grammers_session::types::PeerRef> {
        use grammers_session::types::{PeerAuth, PeerId, PeerRef};
        let bare = peer::bare(chat_id);
        let hash = self.connection.session().channel_hash(bare)?;
        Some(PeerRef { id: PeerId::channel(bare)?, auth: PeerAuth::from_hash(hash) })
    }

    /// The message as a question, and when it was asked: read again, for the log does not hold what buttons say to bots.
    async fn question(&self, chat_id: i64, message_id: i64) -> Result<Option<(Question, i64)>> {
        let Ok(id) = i32::try_from(message_id) else { return Ok(None) };
        let request = tl::functions::channels::GetMessages {
            channel: self.input_channel(chat_id),
            id: vec![tl::types::InputMessageId { id }.into()],
        };
        let (messages, users) = match self.connection.invoke(&request).await? {
            tl::enums::messages::Messages::ChannelMessages(answer) => (answer.messages, answer.users),
            tl::enums::messages::Messages::Messages(answer) => (answer.messages, answer.users),
            _ => return Ok(None),
        };
        let us = self.connection.session().user_id();
        Ok(messages.into_iter().find_map(|message| match message {
            tl::enums::Message::Message(message) if message.id == id => {
                Some((question(&message, &users, us), i64::from(message.date)))
            }
            _ => None,
        }))
    }
}

fn question(message: &tl::types::Message, users: &[tl::enums::User], us: Option<i64>) -> Question {
    use tl::enums::MessageEntity as E;
    let sender = match &message.from_id {
        Some(tl::enums::Peer::User(user)) => Some(user.user_id),
        _ => None,
    };
    let from_bot = users.iter().any(|user| match user {
        tl::enums::User::User(user) => user.bot && Some(user.id) == sender,
        tl::enums::User::Empty(_) => false,
    });
    let entities = message.entities.as_deref().unwrap_or_default();
    let named = entities.iter().any(|entity| match entity {
        E::MentionName(name) => Some(name.user_id) == us,
        _ => false,
    });
    let has_link = entities.iter().any(|entity| matches!(entity, E::Url(_) | E::TextUrl(_) | E::Email(_)));
    let buttons = match &message.reply_markup {
        Some(tl::enums::ReplyMarkup::ReplyInlineMarkup(markup)) => {
            let rows =
                markup.rows.iter().flat_map(|tl::enums::KeyboardInlineButtonRow::Row(row)| &row.buttons);
            rows.map(|tl::enums::KeyboardInlineButton::Button(button)| GateButton {
                text: button.text.clone(),
                data: match &button.r#type {
                    tl::enums::InlineButtonType::Callback(callback) if !callback.requires_password => {
                        Some(callback.data.clone())
                    }
                    _ => None,
                },
            })
            .collect()
        }
        _ => Vec::new(),
    };
    Question { text: message.message.clone(), from_bot, to_us: named || message.mentioned, has_link, buttons }
}
