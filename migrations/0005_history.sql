CREATE TABLE deletions (
    chat_id    bigint      NOT NULL,
    message_id bigint      NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (chat_id, message_id)
);

COMMENT ON TABLE deletions IS 'Messages found deleted on Telegram, whether or not they are stored: what comes later, by a backfill or an edit, is marked by it.';
COMMENT ON COLUMN deletions.chat_id IS 'Marked id of the chat, as in messages.';
COMMENT ON COLUMN deletions.message_id IS 'Id of the message in its chat.';
COMMENT ON COLUMN deletions.deleted_at IS 'When that was first found. A date outside the years 1 to 9999 is infinity or -infinity.';

CREATE TABLE links_seen (
    chat_id             bigint      NOT NULL,
    message_id          bigint      NOT NULL,
    date                timestamptz NOT NULL,
    received_at         timestamptz NOT NULL,
    target_chat_id      bigint,
    target_participants bigint,
    previewed           boolean     NOT NULL,
    target_scam         boolean,
    target_verified     boolean,
    target_by_request   boolean,
    link                text        NOT NULL,
    found_in            text        NOT NULL,
    account             text        NOT NULL,
    target_kind         text,
    target_username     text,
    target_title        text,
    target_about        text,
    target_messages     jsonb,
    unavailable         text,
    extra               jsonb,
    PRIMARY KEY (chat_id, message_id, link)
);

CREATE INDEX links_seen_link ON links_seen (link);

COMMENT ON TABLE links_seen IS 'Links to chats seen in messages, each once a message, with the newest look at what it leads to.';
COMMENT ON COLUMN links_seen.chat_id IS 'Marked id of the chat it was seen in; 0 when a user gave it.';
COMMENT ON COLUMN links_seen.message_id IS 'The message it was seen in; 0 when a user gave it.';
COMMENT ON COLUMN links_seen.date IS 'When that message was posted. A date outside the years 1 to 9999 is infinity or -infinity, and its Unix seconds stand in extra -> ''out_of_range''.';
COMMENT ON COLUMN links_seen.received_at IS 'When this was recorded. Out of range: as date.';
COMMENT ON COLUMN links_seen.target_chat_id IS 'Marked id of the chat it leads to; null when nobody has looked, or when an invite does not tell.';
COMMENT ON COLUMN links_seen.target_participants IS 'Subscribers or members of that chat.';
COMMENT ON COLUMN links_seen.previewed IS 'Whether somebody has looked where it leads. A row with a look replaces one without, a later look an earlier one.';
COMMENT ON COLUMN links_seen.target_scam IS 'Telegram marks that chat as a scam or a fake.';
COMMENT ON COLUMN links_seen.target_verified IS 'Telegram marks that chat as genuine.';
COMMENT ON COLUMN links_seen.target_by_request IS 'Joining that chat needs an admin''s consent.';
COMMENT ON COLUMN links_seen.link IS 'The link in its normal form: https://t.me/name, https://t.me/+hash, https://t.me/c/id.';
COMMENT ON COLUMN links_seen.found_in IS 'The part of the message that held it: text, entity, button or forward.';
COMMENT ON COLUMN links_seen.account IS 'Label of the account that saw it.';
COMMENT ON COLUMN links_seen.target_kind IS 'What it leads to: channel, supergroup, group or user.';
COMMENT ON COLUMN links_seen.target_username IS 'Public name of that chat, without @, in lower case.';
COMMENT ON COLUMN links_seen.target_title IS 'Title of that chat.';
COMMENT ON COLUMN links_seen.target_about IS 'Description of that chat.';
COMMENT ON COLUMN links_seen.target_messages IS 'Its latest messages, newest first: [{message_id, date, text}]; null when they cannot be read from outside.';
COMMENT ON COLUMN links_seen.unavailable IS 'Why nothing is known of it, when Telegram said so: expired, not_found, private, ….';
COMMENT ON COLUMN links_seen.extra IS 'out_of_range: dates that no calendar has.';

CREATE TABLE channel_observations (
    chat_id        bigint      NOT NULL,
    observed_at    timestamptz NOT NULL,
    participants   bigint,
    linked_chat_id bigint,
    scam           boolean     NOT NULL,
    verified       boolean     NOT NULL,
    account        text        NOT NULL,
    membership     text        NOT NULL,
    chat_kind      text        NOT NULL,
    username       text,
    title          text        NOT NULL,
    about          text,
    PRIMARY KEY (chat_id, observed_at, account)
);

COMMENT ON TABLE channel_observations IS 'What accounts saw of chats: name, description, participants, as they change.';
COMMENT ON COLUMN channel_observations.chat_id IS 'Marked id of the chat, as in messages.';
COMMENT ON COLUMN channel_observations.observed_at IS 'When it was seen.';
COMMENT ON COLUMN channel_observations.participants IS 'Subscribers or members; null when Telegram does not tell.';
COMMENT ON COLUMN channel_observations.linked_chat_id IS 'The chat of a channel''s comments, or the channel whose comments this is.';
COMMENT ON COLUMN channel_observations.scam IS 'Telegram marks it as a scam or a fake.';
COMMENT ON COLUMN channel_observations.verified IS 'Telegram marks it as genuine.';
COMMENT ON COLUMN channel_observations.account IS 'Label of the account that saw it.';
COMMENT ON COLUMN channel_observations.membership IS 'How that account stands to it: member, requested, outside or banned.';
COMMENT ON COLUMN channel_observations.chat_kind IS 'channel, supergroup, group or user.';
COMMENT ON COLUMN channel_observations.username IS 'Public name without @, in lower case.';
COMMENT ON COLUMN channel_observations.title IS 'Title.';
COMMENT ON COLUMN channel_observations.about IS 'Description; null when it was not asked for.';

CREATE TABLE client_reports (
    reported_at    timestamptz NOT NULL,
    digest         bigint      NOT NULL,
    chat_id        bigint,
    user_id        bigint,
    dialogs        bigint,
    joins_left     bigint,
    limited_until  timestamptz,
    retry_at       timestamptz,
    premium        boolean,
    bot            boolean,
    account        text        NOT NULL,
    kind           text        NOT NULL,
    state          text,
    instruction_id text,
    result         text,
    reason         text,
    detail         text,
    chats          jsonb,
    extra          jsonb,
    PRIMARY KEY (account, reported_at, digest)
);

COMMENT ON TABLE client_reports IS 'What accounts said of themselves and of their instructions.';
COMMENT ON COLUMN client_reports.reported_at IS 'When the account said it.';
COMMENT ON COLUMN client_reports.digest IS 'XXH3-64 of the record''s bytes: tells two reports of one second apart and a repeat from both.';
COMMENT ON COLUMN client_reports.chat_id IS 'Marked id of the chat it is about: joined, left, described, or lost.';
COMMENT ON COLUMN client_reports.user_id IS 'The account''s own user id; null while signed out.';
COMMENT ON COLUMN client_reports.dialogs IS 'Open dialogs of every kind, as they count against Telegram''s limit.';
COMMENT ON COLUMN client_reports.joins_left IS 'Joins it may still do that day, by its own budget.';
COMMENT ON COLUMN client_reports.limited_until IS 'Until when it may not join or look up. A date outside the years 1 to 9999 is infinity or -infinity, and its Unix seconds stand in extra -> ''out_of_range''.';
COMMENT ON COLUMN client_reports.retry_at IS 'The instruction is not to be tried again before this moment. Out of range: as limited_until.';
COMMENT ON COLUMN client_reports.premium IS 'Whether it has Telegram Premium; null in other kinds of report.';
COMMENT ON COLUMN client_reports.bot IS 'Whether it is a bot; null in other kinds of report.';
COMMENT ON COLUMN client_reports.account IS 'Label of the account.';
COMMENT ON COLUMN client_reports.kind IS 'state: how it is; answer: what became of an instruction; lost: it is no longer in a chat.';
COMMENT ON COLUMN client_reports.state IS 'In a state: online, limited, offline, signed_out or banned.';
COMMENT ON COLUMN client_reports.instruction_id IS 'In an answer: id of the instruction, as in instructions_sent.';
COMMENT ON COLUMN client_reports.result IS 'In an answer: done, requested or failed.';
COMMENT ON COLUMN client_reports.reason IS 'Why it is not online, why the instruction failed, or why the chat is lost.';
COMMENT ON COLUMN client_reports.detail IS 'In a failed answer: Telegram''s words, or ours.';
COMMENT ON COLUMN client_reports.chats IS 'In a state: marked ids of the channels and groups it is a member of.';
COMMENT ON COLUMN client_reports.extra IS 'out_of_range: dates that no calendar has.';

CREATE TABLE view_counts (
    chat_id       bigint      NOT NULL,
    message_id    bigint      NOT NULL,
    after_minutes bigint      NOT NULL,
    date          timestamptz NOT NULL,
    counted_at    timestamptz NOT NULL,
    views         bigint      NOT NULL,
    forwards      bigint,
    account       text        NOT NULL,
    extra         jsonb,
    PRIMARY KEY (chat_id, message_id, after_minutes)
);

COMMENT ON TABLE view_counts IS 'How often channel posts had been seen some minutes after they were posted.';
COMMENT ON COLUMN view_counts.chat_id IS 'Marked id of the channel, as in messages.';
COMMENT ON COLUMN view_counts.message_id IS 'The post.';
COMMENT ON COLUMN view_counts.after_minutes IS 'Minutes after date: 5, 20 and 60 are counted for every post, at others Telegram told of it by itself. Of several in a minute the last stays.';
COMMENT ON COLUMN view_counts.date IS 'When it was posted. A date outside the years 1 to 9999 is infinity or -infinity, and its Unix seconds stand in extra -> ''out_of_range''.';
COMMENT ON COLUMN view_counts.counted_at IS 'When it was counted: later than due when the producer was down. Out of range: as date.';
COMMENT ON COLUMN view_counts.views IS 'Views.';
COMMENT ON COLUMN view_counts.forwards IS 'Forwards.';
COMMENT ON COLUMN view_counts.account IS 'Label of the account that counted.';
COMMENT ON COLUMN view_counts.extra IS 'out_of_range: dates that no calendar has.';

CREATE TABLE instructions_sent (
    issued_at          timestamptz NOT NULL,
    deadline           timestamptz NOT NULL,
    chat_id            bigint,
    seen_in_chat_id    bigint,
    seen_in_message_id bigint,
    id                 text        NOT NULL PRIMARY KEY,
    account            text        NOT NULL,
    action             text        NOT NULL,
    link               text,
    extra              jsonb
);

COMMENT ON TABLE instructions_sent IS 'What the manager told accounts to do; client_reports has the answers.';
COMMENT ON COLUMN instructions_sent.issued_at IS 'When it was issued. A date outside the years 1 to 9999 is infinity or -infinity, and its Unix seconds stand in extra -> ''out_of_range''.';
COMMENT ON COLUMN instructions_sent.deadline IS 'Not to be begun after this moment. Out of range: as issued_at.';
COMMENT ON COLUMN instructions_sent.chat_id IS 'Marked id of the chat to leave or to describe.';
COMMENT ON COLUMN instructions_sent.seen_in_chat_id IS 'Marked id of the chat in which the link to resolve was seen; 0 when a user gave it.';
COMMENT ON COLUMN instructions_sent.seen_in_message_id IS 'The message in which it was seen; 0 when a user gave it.';
COMMENT ON COLUMN instructions_sent.id IS 'Its id, unique for ever.';
COMMENT ON COLUMN instructions_sent.account IS 'Label of the account that is to do it.';
COMMENT ON COLUMN instructions_sent.action IS 'join, leave, describe, resolve or report.';
COMMENT ON COLUMN instructions_sent.link IS 'The link to join or to resolve, in its normal form.';
COMMENT ON COLUMN instructions_sent.extra IS 'out_of_range: dates that no calendar has.';

CREATE TABLE coin_list_records (
    version bigint NOT NULL PRIMARY KEY,
    as_of   text   NOT NULL,
    coins   jsonb  NOT NULL
);

COMMENT ON TABLE coin_list_records IS 'The coin lists as they came into force; messages.coin_list_version names them.';
COMMENT ON COLUMN coin_list_records.version IS '1, 2, 3, ….';
COMMENT ON COLUMN coin_list_records.as_of IS 'The day or moment of the market data, ISO 8601.';
COMMENT ON COLUMN coin_list_records.coins IS 'The coins in market-cap order: [{id, symbol, name, rank}].';
