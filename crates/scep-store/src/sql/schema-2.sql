-- Version 2: one-time passwords.

-- A password of one enrolment, as a salted hash; the key is that of its challenge, so whether it was used stands there.
CREATE TABLE passwords (
    key BYTEA NOT NULL PRIMARY KEY,
    ends BIGINT NOT NULL,
    id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    salt BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    minted_at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    minted_by TEXT NOT NULL,
    binding BYTEA NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX passwords_ends ON passwords (ends);

-- The passwords of an endpoint that may be live: 40 octets each, key and expiry. One row, so that minting counts exactly.
CREATE TABLE shelves (
    endpoint TEXT NOT NULL PRIMARY KEY,
    ends BIGINT NOT NULL,
    entries BYTEA NOT NULL
);
CREATE INDEX shelves_ends ON shelves (ends);
