//! What is attached to a dumped message: whole, or flattened to its facts by a script that makes dumps small.

use serde::Deserialize;
use tickertape_records::Media;

use crate::json::{Label, Text, non_empty};
use crate::vocabulary::media_kind;

#[derive(Deserialize)]
pub(super) struct Attachment<'a> {
    #[serde(rename = "_", borrow)]
    class: Option<Text<'a>>,
    mime_type: Option<String>,
    #[serde(borrow)]
    document: Option<Document<'a>>,
    webpage: Option<WebPage>,
    poll: Option<Poll>,
    game: Option<Game>,
    title: Option<Label>,
    emoticon: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    voice: Option<bool>,
    round: Option<bool>,
    video: Option<bool>,
}

#[derive(Deserialize)]
struct Document<'a> {
    mime_type: Option<String>,
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(rename = "_", borrow)]
    class: Option<Text<'a>>,
    file_name: Option<String>,
    alt: Option<String>,
    title: Option<String>,
    voice: Option<bool>,
    round_message: Option<bool>,
}

#[derive(Deserialize)]
struct WebPage {
    url: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
struct Poll {
    question: Option<Label>,
    #[serde(default)]
    answers: Vec<Label>,
}

#[derive(Deserialize)]
struct Game {
    title: Option<String>,
}

impl Attachment<'_> {
    pub(super) fn media(self) -> Option<Media> {
        let class = self.class.as_ref().map_or("", |class| class.0.as_ref());
        if matches!(class, "" | "MessageMediaEmpty") {
            return None;
        }
        let mut media = Media { kind: media_kind(class), mime_type: self.mime_type, ..Media::default() };
        let names = [self.first_name, self.last_name];
        let name = names.into_iter().flatten().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
        media.title = self.title.map(|title| title.0).or(self.emoticon).or_else(|| non_empty(name));
        for (flag, kind) in [(self.video, "video"), (self.voice, "voice"), (self.round, "video_note")] {
            if flag == Some(true) && media.kind == "document" {
                media.kind = kind.to_owned();
            }
        }
        if let Some(document) = self.document {
            document.describe(&mut media);
        }
        if let Some(page) = self.webpage {
            media.url = page.url;
            media.title = page.title;
        }
        if let Some(poll) = self.poll {
            media.title = poll.question.map(|question| question.0);
            media.answers = poll.answers.into_iter().map(|answer| answer.0).collect();
        }
        if let Some(game) = self.game {
            media.title = game.title;
        }
        Some(media)
    }
}

impl Document<'_> {
    fn describe(self, media: &mut Media) {
        media.mime_type = self.mime_type.or(media.mime_type.take());
        let mut rank = 0;
        for attribute in self.attributes {
            // A sticker or an animation is a video as well; the more special one names it.
            let (kind, special) = match attribute.class.as_ref().map_or("", |class| class.0.as_ref()) {
                "DocumentAttributeSticker" => ("sticker", 3),
                "DocumentAttributeAnimated" => ("animation", 2),
                "DocumentAttributeVideo" if attribute.round_message == Some(true) => ("video_note", 2),
                "DocumentAttributeVideo" => ("video", 1),
                "DocumentAttributeAudio" if attribute.voice == Some(true) => ("voice", 1),
                "DocumentAttributeAudio" => ("audio", 1),
                _ => ("document", 0),
            };
            if special > rank {
                rank = special;
                media.kind = kind.to_owned();
            }
            media.file_name = attribute.file_name.or(media.file_name.take());
            media.title = attribute.alt.or(attribute.title).and_then(non_empty).or(media.title.take());
        }
    }
}
