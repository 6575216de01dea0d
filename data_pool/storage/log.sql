-- One append-only log: entries, hash tiles, head and seals. The same tables serve a pool's log and the beacon's.

CREATE TABLE log_entry (
    index bigint PRIMARY KEY CHECK (index >= 0),
    data  bytea  NOT NULL
);

-- Whole content of each hash tile as it now stands; a narrower version of a tile is a prefix of it.
CREATE TABLE log_tile (
    level smallint NOT NULL CHECK (level >= 0),
    index bigint   NOT NULL CHECK (index >= 0),
    data  bytea    NOT NULL,
    PRIMARY KEY (level, index)
);

-- One row. Writers take it FOR UPDATE, so entries get their indexes one writer at a time.
CREATE TABLE log_head (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    next_index bigint  NOT NULL,
    tree_size  bigint  NOT NULL,
    root       bytea   NOT NULL,
    CHECK (0 <= tree_size AND tree_size <= next_index)
);

INSERT INTO log_head (next_index, tree_size, root)
VALUES (0, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');

CREATE TABLE log_seal (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea  NOT NULL,
    time text   NOT NULL,
    note bytea  NOT NULL
);

ALTER TABLE log_entry ALTER COLUMN data SET STORAGE MAIN;
ALTER TABLE log_tile  ALTER COLUMN data SET STORAGE EXTERNAL;
