-- Version 2: one-time passwords; certificates are found by key and by device; what happened is kept for a while.

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

ALTER TABLE certificates ADD COLUMN device TEXT;
-- What a reservation took of allowances: 40 octets each, its key and when it ends. What is used of one stands in `devices`, as
-- the octet 'a' and 16 octets for each sub-window: when it ends, and how many certificates it has.
ALTER TABLE transactions ADD COLUMN allowances BYTEA;

CREATE INDEX certificates_key ON certificates (subject_key, issued_at, issuer, serial);
CREATE INDEX certificates_device ON certificates (device, issued_at, issuer, serial)
    WHERE device IS NOT NULL;

-- What happened. Numbers rise within a kind; the oldest events go first, which is right here and nowhere else.
CREATE TABLE journal (
    kind BIGINT NOT NULL,
    number BIGINT NOT NULL,
    happened_at BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (kind, number)
);
CREATE INDEX journal_happened_at ON journal (kind, happened_at);

CREATE TABLE journal_numbers (
    kind BIGINT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL
);
