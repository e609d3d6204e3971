CREATE TABLE positions (
    topic       text        NOT NULL,
    partition   bigint      NOT NULL,
    epoch       text        NOT NULL,
    next_offset bigint      NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

COMMENT ON TABLE positions IS 'How far each partition of the log has been written into this database. Changed in the same transaction as the rows it covers.';
COMMENT ON COLUMN positions.topic IS 'Topic of the log: attributed, events or dead-letters.';
COMMENT ON COLUMN positions.partition IS 'Partition of the topic, from 0.';
COMMENT ON COLUMN positions.epoch IS 'Which life of the topic the offset belongs to, in hex: a topic that was deleted and created again has another.';
COMMENT ON COLUMN positions.next_offset IS 'Offset of the first record that is not in this database yet.';
COMMENT ON COLUMN positions.updated_at IS 'When this position was last moved, by the clock of this server.';
