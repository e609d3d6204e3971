//! What is attached to an exported message: each kind has fields of its own, side by side with the message's.

use serde::Deserialize;
use tickertape_records::Media;

use super::message::Element;
use crate::json::{Label, non_empty};
use crate::vocabulary::media_kind;

#[derive(Deserialize)]
pub(super) struct Contact {
    first_name: Option<String>,
    last_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Invoice {
    title: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Poll {
    question: Option<Label>,
    #[serde(default)]
    answers: Vec<Label>,
}

/// Moves what is attached out of `element`.
pub(super) fn attached(element: &mut Element<'_>) -> Option<Media> {
    let kind = |source: &str| Media { kind: media_kind(source), ..Media::default() };
    let titled = |source: &str, title: Option<String>| Media { title, ..kind(source) };
    if element.photo.is_some() {
        Some(kind("photo"))
    } else if element.file.is_some() || element.media_type.is_some() {
        Some(document(element))
    } else if let Some(poll) = element.poll.take() {
        let answers = poll.answers.into_iter().map(|answer| answer.0).collect();
        Some(Media { answers, ..titled("poll", poll.question.map(|question| question.0)) })
    } else if let Some(contact) = element.contact_information.take() {
        let names = [contact.first_name, contact.last_name];
        let name = names.into_iter().flatten().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
        Some(titled("contact_information", non_empty(name)))
    } else if let Some(place) = element.place_name.take() {
        Some(titled("place_name", Some(place)))
    } else if element.location_information.is_some() {
        Some(kind("location_information"))
    } else if let Some(title) = element.game_title.take() {
        Some(Media { url: element.game_link.take(), ..titled("game_title", Some(title)) })
    } else if let Some(invoice) = element.invoice_information.take() {
        Some(titled("invoice_information", invoice.title))
    } else {
        let others = [
            ("giveaway_information", element.giveaway_information.is_some()),
            ("giveaway_results", element.giveaway_results.is_some()),
            ("paid_stars_amount", element.paid_stars_amount.is_some()),
            ("todo_list", element.todo_list.is_some()),
        ];
        others.into_iter().find(|(_, there)| *there).map(|(source, _)| kind(source))
    }
}

fn document(element: &mut Element<'_>) -> Media {
    let kind = element.media_type.take().map_or_else(|| "document".to_owned(), |kind| media_kind(&kind.0));
    // In place of a file that was not exported, `file` says so in parentheses.
    let path = element.file.take().filter(|path| !path.starts_with('('));
    let base_name = path.and_then(|path| path.rsplit('/').next().map(str::to_owned));
    Media {
        kind,
        mime_type: element.mime_type.take(),
        file_name: element.file_name.take().or(base_name).and_then(non_empty),
        title: element.sticker_emoji.take().or_else(|| element.title.take()),
        ..Media::default()
    }
}
