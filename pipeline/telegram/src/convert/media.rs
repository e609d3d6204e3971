//! What is attached to a message: facts about it, never its bytes.

use grammers_client::tl;
use tickertape_records::Media;

use super::words;

pub(super) fn media(attached: &tl::enums::MessageMedia) -> Option<Media> {
    use tl::enums::MessageMedia as M;
    let mut media = Media { kind: words::media_kind(words::name(attached)), ..Media::default() };
    match attached {
        M::Empty => return None,
        M::Document(attached) => {
            for (flag, kind) in
                [(attached.video, "video"), (attached.voice, "voice"), (attached.round, "video_note")]
            {
                if flag {
                    media.kind = kind.to_owned();
                }
            }
            if let Some(tl::enums::Document::Document(document)) = &attached.document {
                describe(document, &mut media);
            }
        }
        M::WebPage(attached) => match &attached.webpage {
            tl::enums::WebPage::Page(page) => {
                media.url = Some(page.url.clone());
                media.title.clone_from(&page.title);
            }
            tl::enums::WebPage::Pending(page) => media.url.clone_from(&page.url),
            tl::enums::WebPage::Empty(page) => media.url.clone_from(&page.url),
            tl::enums::WebPage::NotModified(_) => {}
        },
        M::Poll(attached) => {
            let tl::enums::Poll::Poll(poll) = &attached.poll;
            media.title = Some(plain(&poll.question));
            media.answers = poll.answers.iter().filter_map(answer).collect();
        }
        M::Contact(contact) => {
            let names = [contact.first_name.as_str(), contact.last_name.as_str()];
            let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
            media.title = Some(names.join(" ")).filter(|name| !name.is_empty());
        }
        M::Venue(venue) => media.title = Some(venue.title.clone()),
        M::Invoice(invoice) => media.title = Some(invoice.title.clone()),
        M::Dice(dice) => media.title = Some(dice.emoticon.clone()),
        M::Game(attached) => {
            let tl::enums::Game::Game(game) = &attached.game;
            media.title = Some(game.title.clone());
        }
        _ => {}
    }
    Some(media)
}

fn plain(text: &tl::enums::TextWithEntities) -> String {
    let tl::enums::TextWithEntities::Entities(text) = text;
    text.text.clone()
}

fn answer(answer: &tl::enums::PollAnswer) -> Option<String> {
    match answer {
        tl::enums::PollAnswer::Answer(answer) => Some(plain(&answer.text)),
        tl::enums::PollAnswer::InputPollAnswer(_) => None,
    }
}

fn describe(document: &tl::types::Document, media: &mut Media) {
    use tl::enums::DocumentAttribute as A;
    media.mime_type = Some(document.mime_type.clone());
    let mut rank = 0;
    for attribute in &document.attributes {
        // A sticker or an animation is a video as well; the more special one names it.
        let (kind, special) = match attribute {
            A::Sticker(_) => ("sticker", 3),
            A::Animated => ("animation", 2),
            A::Video(video) if video.round_message => ("video_note", 2),
            A::Video(_) => ("video", 1),
            A::Audio(audio) if audio.voice => ("voice", 1),
            A::Audio(_) => ("audio", 1),
            _ => ("document", 0),
        };
        if special > rank {
            rank = special;
            media.kind = kind.to_owned();
        }
        match attribute {
            A::Filename(name) => media.file_name = Some(name.file_name.clone()),
            A::Sticker(sticker) if !sticker.alt.is_empty() => media.title = Some(sticker.alt.clone()),
            A::Audio(audio) if audio.title.is_some() => media.title.clone_from(&audio.title),
            _ => {}
        }
    }
}
