-- What a pool keeps beside its log. Each `wrapped` is an AES-256-GCM box that also authenticates its row.

CREATE TABLE original (
    id      uuid   PRIMARY KEY,
    size    bigint NOT NULL CHECK (size >= 0),
    wrapped bytea  NOT NULL,
    content bytea  NOT NULL
);
ALTER TABLE original ALTER COLUMN content SET STORAGE EXTERNAL;  -- Ciphertext does not compress.

CREATE TABLE import_batch (
    id      uuid        PRIMARY KEY,
    created timestamptz NOT NULL,
    files   integer     NOT NULL CHECK (files > 0),
    wrapped bytea       NOT NULL
);

CREATE TABLE import_item (
    batch      uuid    NOT NULL REFERENCES import_batch,
    position   integer NOT NULL CHECK (position >= 0),
    original   uuid    REFERENCES original,
    done       boolean NOT NULL,
    parts      integer NOT NULL,
    accepted   integer NOT NULL,
    duplicates integer NOT NULL,
    refused    integer NOT NULL,
    wrapped    bytea   NOT NULL,
    PRIMARY KEY (batch, position),
    CHECK (parts = accepted + duplicates + refused),
    CHECK (done OR original IS NOT NULL)
);
-- The work to do, oldest first: batch ids are UUIDv7.
CREATE INDEX import_item_pending ON import_item (batch, position) WHERE NOT done;

CREATE TABLE record (
    index         bigint      PRIMARY KEY,
    ordinal       bigint      NOT NULL,
    id            uuid        NOT NULL UNIQUE,
    created       timestamptz NOT NULL,
    original      uuid        NOT NULL REFERENCES original,
    part          integer     NOT NULL,
    root          bytea       NOT NULL,
    size          integer     NOT NULL,
    content_token bytea       NOT NULL UNIQUE,  -- the same document is in the pool once
    wrapped       bytea       NOT NULL,
    payload       bytea       NOT NULL
);
ALTER TABLE record ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE import_outcome (
    batch    uuid    NOT NULL,
    position integer NOT NULL,
    part     integer NOT NULL CHECK (part >= 0),
    outcome  text    NOT NULL CHECK (outcome IN ('accepted', 'duplicate', 'refused')),
    record   uuid    CHECK ((record IS NULL) = (outcome = 'refused')),
    wrapped  bytea   NOT NULL,
    PRIMARY KEY (batch, position, part),
    FOREIGN KEY (batch, position) REFERENCES import_item
);

-- The blind index. Descending pages of one token are one range of the primary key.
CREATE TABLE record_token (
    token bytea  NOT NULL,
    index bigint NOT NULL,
    PRIMARY KEY (token, index)
);

-- Unique both ways: versions of a record form a line, never a tree.
CREATE TABLE replacement (
    index   bigint      PRIMARY KEY,
    newer   uuid        NOT NULL UNIQUE REFERENCES record (id),
    older   uuid        NOT NULL UNIQUE REFERENCES record (id),
    created timestamptz NOT NULL,
    wrapped bytea       NOT NULL,
    CHECK (newer <> older)
);

CREATE TABLE disclosure (
    id      uuid        PRIMARY KEY,
    record  uuid        NOT NULL REFERENCES record (id),
    created timestamptz NOT NULL,
    wrapped bytea       NOT NULL
);
CREATE INDEX disclosure_record ON disclosure (record);

CREATE TABLE anchor (
    size         bigint      PRIMARY KEY REFERENCES log_seal (size),
    parent_size  bigint      NOT NULL,
    parent_root  bytea       NOT NULL,
    epoch        bigint      NOT NULL,
    note         bytea       NOT NULL,
    created      timestamptz NOT NULL,
    beacon_index bigint,
    anchored     timestamptz,
    final        timestamptz,
    entry        bytea,
    proof        bytea,
    finality     bytea,
    wrapped      bytea       NOT NULL,
    CHECK (parent_size < size),
    CHECK ((anchored IS NULL) = (beacon_index IS NULL)),
    CHECK (final IS NULL OR (anchored IS NOT NULL AND num_nulls(entry, proof, finality) = 0))
);
-- One crosslink is under way at a time.
CREATE UNIQUE INDEX anchor_in_flight ON anchor ((true)) WHERE beacon_index IS NULL;

CREATE TABLE registration (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    entry     bytea   NOT NULL,
    proof     bytea   NOT NULL,
    finality  bytea   NOT NULL,
    wrapped   bytea   NOT NULL
);
