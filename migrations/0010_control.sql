-- What each account's control loop must not forget: how far it has read, what it was told, what it may still do today.
CREATE TABLE control_positions (
    account   text    NOT NULL,
    topic     text    NOT NULL,
    partition integer NOT NULL,
    epoch     bigint  NOT NULL,
    next      bigint  NOT NULL,
    PRIMARY KEY (account, topic, partition)
);

COMMENT ON TABLE control_positions IS 'How far each account has read instructions and messages; written in one transaction with what was read.';
COMMENT ON COLUMN control_positions.account IS 'Label of the account.';
COMMENT ON COLUMN control_positions.topic IS 'Topic that is read.';
COMMENT ON COLUMN control_positions.partition IS 'Its partition.';
COMMENT ON COLUMN control_positions.epoch IS 'Which life of the topic the offset belongs to.';
COMMENT ON COLUMN control_positions.next IS 'Offset of the first record that was not read.';

CREATE TABLE control_instructions (
    account     text    NOT NULL,
    id          text    NOT NULL,
    seq         bigint  NOT NULL GENERATED ALWAYS AS IDENTITY,
    instruction text    NOT NULL,
    state       text    NOT NULL,
    try_at      bigint  NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE INDEX control_instructions_open ON control_instructions (account, seq) WHERE state <> 'done';

COMMENT ON TABLE control_instructions IS 'What each account was told to do. Kept for ever: an instruction that comes again is known by its id.';
COMMENT ON COLUMN control_instructions.state IS 'waiting; begun: written before Telegram is asked, so that after a kill Telegram is asked first whether it happened; done: its answer is on its way.';
COMMENT ON COLUMN control_instructions.try_at IS 'Not before this moment, Unix seconds.';
COMMENT ON COLUMN control_instructions.account IS 'Label of the account.';
COMMENT ON COLUMN control_instructions.id IS 'Id of the instruction, as the manager gave it.';
COMMENT ON COLUMN control_instructions.seq IS 'The order in which they came.';
COMMENT ON COLUMN control_instructions.instruction IS 'The record of topic instructions, JSON.';

CREATE TABLE control_budgets (
    account    text    NOT NULL,
    kind       text    NOT NULL,
    day        bigint  NOT NULL,
    used       integer NOT NULL,
    last_at    bigint  NOT NULL,
    not_before bigint  NOT NULL,
    PRIMARY KEY (account, kind)
);

COMMENT ON TABLE control_budgets IS 'Joins and look-ups of each account, counted before Telegram is asked.';
COMMENT ON COLUMN control_budgets.kind IS 'join or lookup.';
COMMENT ON COLUMN control_budgets.day IS 'Days since 1970, UTC.';
COMMENT ON COLUMN control_budgets.not_before IS 'Telegram makes the account wait until then, Unix seconds.';
COMMENT ON COLUMN control_budgets.account IS 'Label of the account.';
COMMENT ON COLUMN control_budgets.used IS 'How many were used on that day.';
COMMENT ON COLUMN control_budgets.last_at IS 'When the last one was used, Unix seconds.';

CREATE TABLE control_waits (
    account text   NOT NULL,
    method  text   NOT NULL,
    until   bigint NOT NULL,
    PRIMARY KEY (account, method)
);

COMMENT ON TABLE control_waits IS 'Waits that Telegram asked for, so that a restart does not ask before its time.';
COMMENT ON COLUMN control_waits.account IS 'Label of the account.';
COMMENT ON COLUMN control_waits.method IS 'The request, by its name in the TL schema: messages.getHistory.';
COMMENT ON COLUMN control_waits.until IS 'Not to be asked before this moment, Unix seconds.';

CREATE TABLE control_previews (
    account   text   NOT NULL,
    link      text   NOT NULL,
    preview   text   NOT NULL,
    looked_at bigint NOT NULL,
    PRIMARY KEY (account, link)
);

COMMENT ON TABLE control_previews IS 'What each link led to when the account last looked: names are not looked up again while this is fresh.';
COMMENT ON COLUMN control_previews.account IS 'Label of the account.';
COMMENT ON COLUMN control_previews.link IS 'The link in its normal form.';
COMMENT ON COLUMN control_previews.preview IS 'What was seen there, JSON.';
COMMENT ON COLUMN control_previews.looked_at IS 'When it was looked at, Unix seconds.';

CREATE TABLE control_links (
    chat_id    bigint NOT NULL,
    message_id bigint NOT NULL,
    link       text   NOT NULL,
    account    text   NOT NULL,
    record     text,
    seen_at    bigint NOT NULL,
    PRIMARY KEY (chat_id, message_id, link)
);

CREATE INDEX control_links_open ON control_links (account, seen_at) WHERE record IS NOT NULL;

COMMENT ON TABLE control_links IS 'Every link that was seen in a message; each goes out once.';
COMMENT ON COLUMN control_links.record IS 'The record without its preview while it waits to go out; null when it has.';
COMMENT ON COLUMN control_links.chat_id IS 'Chat of the message that holds it.';
COMMENT ON COLUMN control_links.message_id IS 'That message.';
COMMENT ON COLUMN control_links.link IS 'The link in its normal form.';
COMMENT ON COLUMN control_links.account IS 'The account that saw it.';
COMMENT ON COLUMN control_links.seen_at IS 'When, Unix seconds.';

CREATE TABLE control_views (
    chat_id       bigint  NOT NULL,
    message_id    bigint  NOT NULL,
    after_minutes integer NOT NULL,
    account       text    NOT NULL,
    date          bigint  NOT NULL,
    due           bigint  NOT NULL,
    PRIMARY KEY (chat_id, message_id, after_minutes)
);

CREATE INDEX control_views_due ON control_views (account, due);

COMMENT ON TABLE control_views IS 'Posts whose views are still to be counted.';
COMMENT ON COLUMN control_views.chat_id IS 'Marked id of the chat, as in messages.';
COMMENT ON COLUMN control_views.message_id IS 'The post.';
COMMENT ON COLUMN control_views.after_minutes IS 'How long after the post its views are counted.';
COMMENT ON COLUMN control_views.account IS 'The account that counts.';
COMMENT ON COLUMN control_views.date IS 'Date of the post, Unix seconds.';
COMMENT ON COLUMN control_views.due IS 'When to count, Unix seconds.';

CREATE TABLE control_chats (
    account   text    NOT NULL,
    chat_id   bigint  NOT NULL,
    joined_at bigint,
    described text,
    PRIMARY KEY (account, chat_id)
);

COMMENT ON TABLE control_chats IS 'The chats each account is in, as last seen.';
COMMENT ON COLUMN control_chats.joined_at IS 'When it joined on instruction, Unix seconds; null when it was there before.';
COMMENT ON COLUMN control_chats.described IS 'What was last reported of it, without the time, so that only changes are reported.';
COMMENT ON COLUMN control_chats.account IS 'Label of the account.';
COMMENT ON COLUMN control_chats.chat_id IS 'Marked id of the chat, as in messages.';

CREATE TABLE control_gates (
    account    text   NOT NULL,
    chat_id    bigint NOT NULL,
    message_id bigint NOT NULL,
    at         bigint NOT NULL,
    question   text   NOT NULL,
    answer     text   NOT NULL,
    outcome    text,
    PRIMARY KEY (account, chat_id, at)
);

COMMENT ON TABLE control_gates IS 'Every gate question that was answered: one try for each time an account joins a chat.';
COMMENT ON COLUMN control_gates.answer IS 'The caption of the button that was pressed, or the text that was sent.';
COMMENT ON COLUMN control_gates.outcome IS 'What Telegram or the bot said; null when the process ended before that was known: it is not tried again.';
COMMENT ON COLUMN control_gates.account IS 'Label of the account.';
COMMENT ON COLUMN control_gates.chat_id IS 'Marked id of the chat, as in messages.';
COMMENT ON COLUMN control_gates.message_id IS 'The message that asked.';
COMMENT ON COLUMN control_gates.at IS 'When it was answered, Unix seconds.';
COMMENT ON COLUMN control_gates.question IS 'Its text.';

CREATE TABLE control_outbox (
    account   text    NOT NULL,
    seq       bigint  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text    NOT NULL,
    partition integer NOT NULL,
    key       text    NOT NULL,
    value     text    NOT NULL,
    log_from  bigint  NOT NULL
);

CREATE INDEX control_outbox_account ON control_outbox (account, seq);

COMMENT ON TABLE control_outbox IS 'Records on their way to the log, written in one transaction with what they follow from and removed once the log has them.';
COMMENT ON COLUMN control_outbox.log_from IS 'The end of the partition when this was written: after a kill, the record is looked for from there before it is appended again.';
COMMENT ON COLUMN control_outbox.account IS 'Label of the account.';
COMMENT ON COLUMN control_outbox.seq IS 'The order in which they go out.';
COMMENT ON COLUMN control_outbox.topic IS 'Topic they go to.';
COMMENT ON COLUMN control_outbox.partition IS 'Its partition.';
COMMENT ON COLUMN control_outbox.key IS 'Key of the record.';
COMMENT ON COLUMN control_outbox.value IS 'The record, JSON.';
