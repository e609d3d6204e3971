-- The manager's state. In a schema of its own: tables of the same names hold what lies on the topics.
-- `data` is the whole of a row as the program reads it; the columns beside it are made from it, for people.
CREATE SCHEMA manager;

CREATE TABLE manager.installation (
    only_row         boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    name             text    NOT NULL,
    revision         bigint  NOT NULL,
    now              bigint  NOT NULL,
    next_channel     bigint  NOT NULL,
    next_instruction bigint  NOT NULL,
    coin_list        bigint  NOT NULL
);

COMMENT ON TABLE manager.installation IS 'The manager itself: one row.';
COMMENT ON COLUMN manager.installation.name IS 'Drawn once; the ids of instructions begin with it, so that those of another database are never taken for ours.';
COMMENT ON COLUMN manager.installation.revision IS 'Counts the transactions: a second manager on this database is noticed by it.';
COMMENT ON COLUMN manager.installation.now IS 'The newest moment that decisions were made at, Unix seconds.';
COMMENT ON COLUMN manager.installation.next_channel IS 'Number of the next channel.';
COMMENT ON COLUMN manager.installation.next_instruction IS 'Number of the next instruction.';
COMMENT ON COLUMN manager.installation.coin_list IS 'Version of the coin list under which every preview was weighed.';

CREATE TABLE manager.positions (
    topic       text   NOT NULL,
    partition   bigint NOT NULL,
    epoch       text   NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

COMMENT ON TABLE manager.positions IS 'How far the manager has read each partition. Changed in the same transaction as the state that came of it.';
COMMENT ON COLUMN manager.positions.epoch IS 'Which life of the topic the offset belongs to, in hex.';
COMMENT ON COLUMN manager.positions.next_offset IS 'Offset of the first record that is not in the state yet.';

CREATE TABLE manager.accounts (
    label        text        NOT NULL PRIMARY KEY,
    data         jsonb       NOT NULL,
    state        text        GENERATED ALWAYS AS (data->>'state') STORED,
    working      boolean     GENERATED ALWAYS AS ((data->>'working')::boolean) STORED,
    reason       text        GENERATED ALWAYS AS (data->>'reason') STORED,
    dialogs      bigint      GENERATED ALWAYS AS ((data->>'dialogs')::bigint) STORED,
    premium      boolean     GENERATED ALWAYS AS ((data->>'premium')::boolean) STORED,
    joins_today  bigint      GENERATED ALWAYS AS ((data->>'joins_today')::bigint) STORED,
    last_seen    timestamptz GENERATED ALWAYS AS (to_timestamp((data->>'last_seen')::float8)) STORED,
    limited_until timestamptz GENERATED ALWAYS AS (to_timestamp((data->>'limited_until')::float8)) STORED
);

COMMENT ON TABLE manager.accounts IS 'Every account that ever reported, as it is now.';
COMMENT ON COLUMN manager.accounts.label IS 'Its label in the configuration.';
COMMENT ON COLUMN manager.accounts.state IS 'What it last said of itself: online, limited, offline, signed_out or banned.';
COMMENT ON COLUMN manager.accounts.working IS 'Our judgement: it reports, and can read what it follows.';
COMMENT ON COLUMN manager.accounts.reason IS 'Why it is not online, in Telegram''s words.';
COMMENT ON COLUMN manager.accounts.dialogs IS 'Open dialogs.';
COMMENT ON COLUMN manager.accounts.joins_today IS 'Joins it was told on the day it was last told one (UTC).';
COMMENT ON COLUMN manager.accounts.last_seen IS 'Time of its newest report.';
COMMENT ON COLUMN manager.accounts.limited_until IS 'Until when Telegram makes it wait.';

CREATE TABLE manager.channels (
    number       bigint      NOT NULL PRIMARY KEY,
    data         jsonb       NOT NULL,
    chat_id      bigint      GENERATED ALWAYS AS ((data->>'chat_id')::bigint) STORED,
    link         text        GENERATED ALWAYS AS (data->'links'->>0) STORED,
    username     text        GENERATED ALWAYS AS (data->>'username') STORED,
    title        text        GENERATED ALWAYS AS (data->>'title') STORED,
    about        text        GENERATED ALWAYS AS (data->>'about') STORED,
    participants bigint      GENERATED ALWAYS AS ((data->>'participants')::bigint) STORED,
    state        text        GENERATED ALWAYS AS (data->>'state') STORED,
    since        timestamptz GENERATED ALWAYS AS (to_timestamp((data->>'since')::float8)) STORED,
    reason       text        GENERATED ALWAYS AS (data->>'reason') STORED,
    owner        text        GENERATED ALWAYS AS (data->>'owner') STORED,
    source       text        GENERATED ALWAYS AS (data->'source'->>'kind') STORED,
    score        float8      GENERATED ALWAYS AS ((data->'verdict'->>'score')::float8) STORED,
    language     text        GENERATED ALWAYS AS (data->'verdict'->>'language') STORED,
    last_message_at timestamptz GENERATED ALWAYS AS (to_timestamp((data->>'last_message_at')::float8)) STORED
);

CREATE INDEX channels_state ON manager.channels (state);

COMMENT ON TABLE manager.channels IS 'Every channel that was ever considered, as it stands now.';
COMMENT ON COLUMN manager.channels.number IS 'The manager''s number of it, given before its chat id is known.';
COMMENT ON COLUMN manager.channels.chat_id IS 'Marked id of the chat; null until somebody has looked.';
COMMENT ON COLUMN manager.channels.link IS 'The first link that led to it, in normal form.';
COMMENT ON COLUMN manager.channels.state IS 'discovered, candidate, joining, followed, inactive, left, rejected, broken or banned: docs/manager.md.';
COMMENT ON COLUMN manager.channels.since IS 'Since when.';
COMMENT ON COLUMN manager.channels.reason IS 'Why.';
COMMENT ON COLUMN manager.channels.owner IS 'The one account that joins or follows it.';
COMMENT ON COLUMN manager.channels.source IS 'config, user, link or account.';
COMMENT ON COLUMN manager.channels.score IS 'How relevant its preview is, 0 to 1.';
COMMENT ON COLUMN manager.channels.language IS 'Language of its preview, ISO 639-1.';

CREATE TABLE manager.previews (
    channel bigint NOT NULL PRIMARY KEY,
    preview jsonb  NOT NULL
);

COMMENT ON TABLE manager.previews IS 'The newest preview of each channel found by a link, to be weighed again when the coin list changes.';

CREATE TABLE manager.transitions (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel    bigint      NOT NULL,
    at         timestamptz NOT NULL,
    from_state text        NOT NULL,
    to_state   text        NOT NULL,
    reason     text        NOT NULL,
    account    text
);

CREATE INDEX transitions_channel ON manager.transitions (channel, id);

COMMENT ON TABLE manager.transitions IS 'Every change of a channel''s state, in order.';
COMMENT ON COLUMN manager.transitions.account IS 'The account that held it until then, or was to.';

CREATE TABLE manager.channel_history (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel   bigint      NOT NULL,
    at        timestamptz NOT NULL,
    field     text        NOT NULL,
    old_value text,
    new_value text
);

CREATE INDEX channel_history_channel ON manager.channel_history (channel, id);

COMMENT ON TABLE manager.channel_history IS 'Every change of a channel''s title, username, about and participants, in order.';
COMMENT ON COLUMN manager.channel_history.at IS 'When it was observed.';

CREATE TABLE manager.link_sources (
    chat_id bigint NOT NULL PRIMARY KEY,
    data    jsonb  NOT NULL
);

COMMENT ON TABLE manager.link_sources IS 'How many links each chat brought lately, and how many were not taken in because they were too many.';

CREATE TABLE manager.instructions (
    number    bigint      NOT NULL PRIMARY KEY,
    account   text        NOT NULL,
    kind      text        NOT NULL,
    action    jsonb       NOT NULL,
    channel   bigint,
    issued_at bigint      NOT NULL,
    deadline  bigint      NOT NULL,
    sent      boolean     NOT NULL DEFAULT false,
    outcome   text,
    detail    text,
    closed_at timestamptz
);

CREATE INDEX instructions_open ON manager.instructions (number) WHERE outcome IS NULL;
CREATE INDEX instructions_unsent ON manager.instructions (number) WHERE NOT sent;

COMMENT ON TABLE manager.instructions IS 'Every instruction: recorded here first, then appended to topic instructions.';
COMMENT ON COLUMN manager.instructions.number IS 'Its id on the topic is installation.name, a hyphen and this.';
COMMENT ON COLUMN manager.instructions.kind IS 'join, leave, describe, resolve or report.';
COMMENT ON COLUMN manager.instructions.sent IS 'It is on the topic. Appended again under the same id if the program ended before this was noted.';
COMMENT ON COLUMN manager.instructions.outcome IS 'done, requested, late (never answered) or why it failed; null while it is open.';

CREATE TABLE manager.wishes (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    wish    jsonb       NOT NULL,
    outcome text
);

CREATE INDEX wishes_open ON manager.wishes (id) WHERE outcome IS NULL;

COMMENT ON TABLE manager.wishes IS 'What the user wished, by command line or HTTP; the manager takes the open ones at its next look.';
COMMENT ON COLUMN manager.wishes.outcome IS 'What came of it; null while it is open.';
