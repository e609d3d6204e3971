-- What each account's producer has put on the log, chat by chat, and what it knows to be missing.
CREATE TABLE producer_chats (
    account    text        NOT NULL,
    chat_id    bigint      NOT NULL,
    last_id    bigint      NOT NULL,
    floor      bigint      NOT NULL,
    pts        integer,
    steady_id  bigint,
    doubt_from bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, chat_id)
);

COMMENT ON TABLE producer_chats IS 'How far each account has followed each chat. Written after the log acknowledged what it covers, never before.';
COMMENT ON COLUMN producer_chats.account IS 'Label of the account.';
COMMENT ON COLUMN producer_chats.chat_id IS 'Marked id of the chat, as in messages.';
COMMENT ON COLUMN producer_chats.last_id IS 'Every message up to this id is on the log, or gone, or inside an open gap.';
COMMENT ON COLUMN producer_chats.floor IS 'Older messages are not wanted: where the first backfill began.';
COMMENT ON COLUMN producer_chats.pts IS 'Every change of the channel up to this number is on the log; null while edits or deletions may have been missed, and for basic groups.';
COMMENT ON COLUMN producer_chats.steady_id IS 'The newest id at the time of pts, below last_id while changes come late: if some are missed, they are looked for from a window of ids before it on.';
COMMENT ON COLUMN producer_chats.doubt_from IS 'From this id on, edits and deletions may have been missed and are looked for; null when none were.';
COMMENT ON COLUMN producer_chats.updated_at IS 'When this row was last written, by the clock of this server.';

CREATE TABLE producer_gaps (
    account   text        NOT NULL,
    chat_id   bigint      NOT NULL,
    from_id   bigint      NOT NULL,
    to_id     bigint      NOT NULL,
    missing   int8multirange NOT NULL,
    why       text        NOT NULL,
    state     text        NOT NULL,
    reason    text,
    gone      bigint      NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (account, chat_id, from_id, to_id)
);

CREATE INDEX producer_gaps_open ON producer_gaps (account, chat_id) WHERE state <> 'closed';

COMMENT ON TABLE producer_gaps IS 'The gap ledger: ranges of message ids that were missed, and what became of them.';
COMMENT ON COLUMN producer_gaps.from_id IS 'First id of the range.';
COMMENT ON COLUMN producer_gaps.to_id IS 'Last id of the range.';
COMMENT ON COLUMN producer_gaps.missing IS 'Its ids that are still missing; empty once it is closed.';
COMMENT ON COLUMN producer_gaps.why IS 'first, skipped, behind or too_long: see docs/telegram.md.';
COMMENT ON COLUMN producer_gaps.state IS 'open: being fetched; closed: each id is on the log or gone; refused: Telegram does not give it, see reason.';
COMMENT ON COLUMN producer_gaps.reason IS 'Telegram''s words, when it is refused.';
COMMENT ON COLUMN producer_gaps.gone IS 'How many of its ids have no message: deleted before we came, or never used.';
COMMENT ON COLUMN producer_gaps.opened_at IS 'When it was found.';
COMMENT ON COLUMN producer_gaps.closed_at IS 'When its last id was accounted for.';
COMMENT ON COLUMN producer_gaps.account IS 'Label of the account.';
COMMENT ON COLUMN producer_gaps.chat_id IS 'Marked id of the chat, as in messages.';

CREATE TABLE producer_gone (
    account text   NOT NULL,
    chat_id bigint NOT NULL,
    from_id bigint NOT NULL,
    to_id   bigint NOT NULL,
    PRIMARY KEY (account, chat_id, from_id, to_id)
);

COMMENT ON TABLE producer_gone IS 'Message ids that have no message, so that nobody looks for them again and their end is told once.';
COMMENT ON COLUMN producer_gone.from_id IS 'First id of the range.';
COMMENT ON COLUMN producer_gone.to_id IS 'Last id of the range.';
COMMENT ON COLUMN producer_gone.account IS 'Label of the account.';
COMMENT ON COLUMN producer_gone.chat_id IS 'Marked id of the chat, as in messages.';

CREATE TABLE producer_log (
    account     text   NOT NULL,
    topic       text   NOT NULL,
    partition   bigint NOT NULL,
    epoch       text   NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (account, topic, partition)
);

COMMENT ON TABLE producer_log IS 'Up to where these tables tell what the log holds. What an account appended behind that, just before it was killed, is read from the log at the next start.';
COMMENT ON COLUMN producer_log.epoch IS 'Which life of the topic the offset belongs to, in hex.';
COMMENT ON COLUMN producer_log.next_offset IS 'Everything the account appended before this offset is in producer_chats, producer_gaps and producer_gone.';
COMMENT ON COLUMN producer_log.account IS 'Label of the account.';
COMMENT ON COLUMN producer_log.topic IS 'Topic that was appended to.';
COMMENT ON COLUMN producer_log.partition IS 'Its partition.';
