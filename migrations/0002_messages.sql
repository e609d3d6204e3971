-- Fixed-width columns first: fewer bytes a row, and the columns behind the texts are found without walking them.
CREATE TABLE messages (
    chat_id             bigint      NOT NULL,
    message_id          bigint      NOT NULL,
    date                timestamptz NOT NULL,
    edit_date           timestamptz,
    received_at         timestamptz,
    sender_id           bigint,
    reply_to_message_id bigint,
    reply_to_chat_id    bigint,
    topic_id            bigint,
    grouped_id          bigint,
    views               bigint,
    forwards            bigint,
    replies             bigint,
    source_position     bigint,
    coin_list_version   bigint      NOT NULL,
    input_offset        bigint      NOT NULL,
    sequence            bigint      NOT NULL,
    revision            bigint      NOT NULL,
    depth               bigint      NOT NULL,
    post                boolean     NOT NULL,
    silent              boolean     NOT NULL,
    pinned              boolean     NOT NULL,
    scheduled           boolean     NOT NULL,
    basis               text        NOT NULL,
    coin_id             text,
    mentions            jsonb,
    mention_kinds       jsonb,
    chat_kind           text        NOT NULL,
    chat_title          text,
    sender_name         text,
    via_bot             text,
    source_kind         text        NOT NULL,
    source_name         text        NOT NULL,
    text                text        NOT NULL,
    entities            jsonb,
    forward             jsonb,
    reactions           jsonb,
    media               jsonb,
    buttons             jsonb,
    extra               jsonb,
    deleted_at          timestamptz,
    PRIMARY KEY (chat_id, message_id, date)
) PARTITION BY RANGE (date);

CREATE TABLE messages_other PARTITION OF messages DEFAULT;

-- Every question about a coin asks for a stretch of time; messages without a coin cost this index nothing.
CREATE INDEX messages_coin_date ON messages (coin_id, date) WHERE coin_id IS NOT NULL;

COMMENT ON TABLE messages IS 'Every message once, in its highest revision, with its coin. Partitioned by year of date (UTC).';
COMMENT ON TABLE messages_other IS 'Messages dated before 2013, when Telegram began, or after 2099: damaged dates.';
COMMENT ON COLUMN messages.chat_id IS 'Marked id of the chat: a user as it is, a basic group negative, a channel or supergroup -100….';
COMMENT ON COLUMN messages.message_id IS 'Id of the message, unique within its chat only.';
COMMENT ON COLUMN messages.date IS 'When it was posted. A date outside the years 1 to 9999 is infinity or -infinity, and its Unix seconds stand in extra -> ''out_of_range''.';
COMMENT ON COLUMN messages.edit_date IS 'When it was last edited; null when never. Out of range: as date.';
COMMENT ON COLUMN messages.received_at IS 'When it was received: the update''s time, or the modification time of its file; null for a pipe. Out of range: as date.';
COMMENT ON COLUMN messages.sender_id IS 'Marked id of who posted it; null for anonymous channel posts.';
COMMENT ON COLUMN messages.reply_to_message_id IS 'Id of the message it replies to.';
COMMENT ON COLUMN messages.reply_to_chat_id IS 'Marked id of the chat of the message it replies to, only when that is another chat.';
COMMENT ON COLUMN messages.topic_id IS 'Id of the first message of its thread or forum topic.';
COMMENT ON COLUMN messages.grouped_id IS 'Album: messages with the same id were sent together.';
COMMENT ON COLUMN messages.views IS 'View counter when received.';
COMMENT ON COLUMN messages.forwards IS 'Forward counter when received.';
COMMENT ON COLUMN messages.replies IS 'Number of comments or replies when received.';
COMMENT ON COLUMN messages.source_position IS 'In a file: which record of it, from 1.';
COMMENT ON COLUMN messages.coin_list_version IS 'Version of the coin list that was in force.';
COMMENT ON COLUMN messages.input_offset IS 'Offset, on the topic messages, of the record that caused this revision.';
COMMENT ON COLUMN messages.sequence IS 'Which of the records caused by that input this is: 0 its own, the rest revise its descendants.';
COMMENT ON COLUMN messages.revision IS '0 as first attributed; higher after an edit, or when an ancestor became known or changed.';
COMMENT ON COLUMN messages.depth IS 'Steps up the reply chain to the ancestor that gave the coin; 0 unless basis is inherited.';
COMMENT ON COLUMN messages.post IS 'A channel post, as opposed to a person''s message.';
COMMENT ON COLUMN messages.silent IS 'Sent without a notification.';
COMMENT ON COLUMN messages.pinned IS 'Pinned when received.';
COMMENT ON COLUMN messages.scheduled IS 'Was scheduled by its author.';
COMMENT ON COLUMN messages.basis IS 'How the coin was found, direct or inherited, or why there is none: tie or none.';
COMMENT ON COLUMN messages.coin_id IS 'CoinGecko''s slug, such as bitcoin; null when the message has no coin.';
COMMENT ON COLUMN messages.mentions IS 'Occurrences of each coin in the text: {"bitcoin": 2}; null when there are none.';
COMMENT ON COLUMN messages.mention_kinds IS 'The forms in which each coin was seen: {"bitcoin": ["cashtag", "name"]}; null when there are none.';
COMMENT ON COLUMN messages.chat_kind IS 'channel, supergroup, group or user.';
COMMENT ON COLUMN messages.chat_title IS 'Title of the chat when the source names it.';
COMMENT ON COLUMN messages.sender_name IS 'Display name of the sender, or the pseudonym of an anonymised dump.';
COMMENT ON COLUMN messages.via_bot IS 'The inline bot it was made with: @name, its id, or empty when the source says only that.';
COMMENT ON COLUMN messages.source_kind IS 'The producer: desktop, telethon or telegram.';
COMMENT ON COLUMN messages.source_name IS 'The file''s name (- for a pipe), or the account''s label.';
COMMENT ON COLUMN messages.text IS 'Text or caption, without formatting; empty for bare media. U+0000, which Postgres cannot hold, is U+2400 here and in every other column.';
COMMENT ON COLUMN messages.entities IS 'Formatting and links: [{kind, offset, length, …}], offsets in UTF-16 code units.';
COMMENT ON COLUMN messages.forward IS 'Where it was forwarded from: {from_id, from_name, date, message_id, author}.';
COMMENT ON COLUMN messages.reactions IS 'Reactions when received: [{emoji, count}].';
COMMENT ON COLUMN messages.media IS 'What is attached: {kind, mime_type, file_name, url, title, answers}.';
COMMENT ON COLUMN messages.buttons IS 'Buttons under the message, row by row: [[{text, url}]].';
COMMENT ON COLUMN messages.extra IS 'Fields that this version has no column for; out_of_range holds dates that no calendar has.';
COMMENT ON COLUMN messages.deleted_at IS 'When it was found deleted on Telegram; the row stays.';
