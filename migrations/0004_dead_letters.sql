CREATE TABLE dead_letters (
    id            text   NOT NULL PRIMARY KEY,
    topic         text,
    partition     bigint,
    log_offset    bigint,
    file_id       text,
    file_name     text,
    file_position bigint,
    reason        text   NOT NULL,
    record        text   NOT NULL
);

COMMENT ON TABLE dead_letters IS 'Records that could not be understood, as they were and why, each once.';
COMMENT ON COLUMN dead_letters.id IS 'Where the record stood, as one text.';
COMMENT ON COLUMN dead_letters.topic IS 'Topic it stood on; null when it stood in a file.';
COMMENT ON COLUMN dead_letters.partition IS 'Partition of that topic.';
COMMENT ON COLUMN dead_letters.log_offset IS 'Offset in that partition.';
COMMENT ON COLUMN dead_letters.file_id IS 'Hash of the file it stood in; empty for a pipe, null when it stood on a topic.';
COMMENT ON COLUMN dead_letters.file_name IS 'Name of that file.';
COMMENT ON COLUMN dead_letters.file_position IS 'Which record of that file, from 1.';
COMMENT ON COLUMN dead_letters.reason IS 'What is wrong with it and what can be done.';
COMMENT ON COLUMN dead_letters.record IS 'The record as it was; bytes that are not UTF-8 in hex behind hex:.';
