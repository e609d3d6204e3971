CREATE TABLE events (
    chat_id           bigint      NOT NULL,
    message_id        bigint      NOT NULL,
    date              timestamptz NOT NULL,
    received_at       timestamptz,
    actor_id          bigint,
    target_message_id bigint,
    source_position   bigint,
    kind              text        NOT NULL,
    action            text        NOT NULL,
    chat_kind         text        NOT NULL,
    chat_title        text,
    actor_name        text,
    title             text,
    members           jsonb,
    details           jsonb,
    source_kind       text        NOT NULL,
    source_name       text        NOT NULL,
    PRIMARY KEY (chat_id, message_id)
);

COMMENT ON TABLE events IS 'What happened to a chat: Telegram''s service messages, each once.';
COMMENT ON COLUMN events.chat_id IS 'Marked id of the chat, as in messages.';
COMMENT ON COLUMN events.message_id IS 'Id of the service message; shares its numbering with the chat''s messages.';
COMMENT ON COLUMN events.date IS 'When it happened. A date outside the years 1 to 9999 is infinity or -infinity, and its Unix seconds stand in details -> ''out_of_range''.';
COMMENT ON COLUMN events.received_at IS 'When it was received, as in messages.';
COMMENT ON COLUMN events.actor_id IS 'Marked id of who did it.';
COMMENT ON COLUMN events.target_message_id IS 'The message it is about: the pinned one.';
COMMENT ON COLUMN events.source_position IS 'In a file: which record of it, from 1.';
COMMENT ON COLUMN events.kind IS 'created, joined, joined_by_link, added, left, kicked, title, photo, pin, unpin, migrate, topic or other.';
COMMENT ON COLUMN events.action IS 'The action as the source names it.';
COMMENT ON COLUMN events.chat_kind IS 'channel, supergroup, group or user.';
COMMENT ON COLUMN events.chat_title IS 'Title of the chat when the source names it.';
COMMENT ON COLUMN events.actor_name IS 'Display name or pseudonym of who did it.';
COMMENT ON COLUMN events.title IS 'The new title of the chat or of the forum topic.';
COMMENT ON COLUMN events.members IS 'Whom it happened to: names, or marked ids in decimal.';
COMMENT ON COLUMN events.details IS 'Everything else the source says of it.';
COMMENT ON COLUMN events.source_kind IS 'The producer: desktop, telethon or telegram.';
COMMENT ON COLUMN events.source_name IS 'The file''s name (- for a pipe), or the account''s label.';
