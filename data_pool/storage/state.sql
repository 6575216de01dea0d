-- One state map, by version: pages of its tree, values, roots. The same tables serve a pool's map and the beacon's.
-- Rows are never replaced: of one page or name, the newest row up to a version is in force at that version.

CREATE TABLE state_version (
    version bigint PRIMARY KEY CHECK (version >= 0),
    root    bytea  NOT NULL CHECK (length(root) = 32),
    size    bigint NOT NULL CHECK (size >= 0)
);

CREATE TABLE state_page (
    path    text COLLATE "C" NOT NULL,  -- hex digits that all keys below the page begin with
    version bigint           NOT NULL,
    data    bytea,                      -- NULL: the page is gone
    PRIMARY KEY (path, version)
);
CREATE INDEX state_page_version ON state_page (version);
ALTER TABLE state_page ALTER COLUMN data SET STORAGE PLAIN;  -- Hashes do not compress, and two pages fit a block.

CREATE TABLE state_value (
    section text COLLATE "C" NOT NULL,  -- what stands before the name's first slash, so that sections can be listed
    name    text COLLATE "C" NOT NULL,
    version bigint           NOT NULL,
    data    bytea,                      -- NULL: the name is gone
    PRIMARY KEY (section, name, version),
    CHECK (section = split_part(name, '/', 1))
);
CREATE INDEX state_value_version ON state_value (version);
