-- Version 1. SQLite and PostgreSQL both read this; times are seconds since 1970, digests 32 octets.

-- A challenge someone has: a transaction (holder), or the certificate that was issued on it.
CREATE TABLE challenges (
    key BYTEA NOT NULL PRIMARY KEY,
    ends BIGINT NOT NULL,
    holder BIGINT,
    csr_info BYTEA,
    issuer BYTEA,
    serial BYTEA
);
CREATE INDEX challenges_ends ON challenges (ends);

-- A transaction: the last answer (state to serial), and over it the request being worked on (generation to slot_window).
CREATE TABLE transactions (
    id BIGINT NOT NULL PRIMARY KEY,
    endpoint TEXT NOT NULL,
    transaction_id BYTEA NOT NULL,
    ends BIGINT NOT NULL,
    state BIGINT,
    fail_info BIGINT,
    settled_signer BYTEA,
    settled_csr BYTEA,
    settled_challenge BYTEA,
    settled_ends BIGINT,
    issuer BYTEA,
    serial BYTEA,
    generation BIGINT,
    hold_signer BYTEA,
    hold_csr BYTEA,
    hold_challenge BYTEA,
    remember_until BIGINT,
    hold_ends BIGINT,
    replay_window BIGINT,
    device BYTEA,
    slot_taken BIGINT,
    slot_ends BIGINT,
    slot_window BIGINT
);
CREATE UNIQUE INDEX transactions_name ON transactions (endpoint, transaction_id);
CREATE INDEX transactions_ends ON transactions (ends);

-- Requests that wait for an operator or for being fetched; the id is the transaction's.
CREATE TABLE queue (
    id BIGINT NOT NULL PRIMARY KEY,
    endpoint TEXT NOT NULL,
    transaction_id BYTEA NOT NULL,
    signer BYTEA NOT NULL,
    csr_info BYTEA NOT NULL,
    csr BYTEA NOT NULL,
    since BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    challenge BYTEA,
    remember_until BIGINT,
    operator TEXT
);
CREATE INDEX queue_endpoint ON queue (endpoint, ends);
CREATE INDEX queue_ends ON queue (ends);

-- The certificates of a device in its window: 16 octets each, when it was taken and when it ends.
CREATE TABLE devices (
    key BYTEA NOT NULL PRIMARY KEY,
    ends BIGINT NOT NULL,
    slots BYTEA NOT NULL
);
CREATE INDEX devices_ends ON devices (ends);

CREATE TABLE certificates (
    issuer BYTEA NOT NULL,
    serial BYTEA NOT NULL,
    ends BIGINT NOT NULL,
    der BYTEA NOT NULL,
    subject_key BYTEA NOT NULL,
    not_after BIGINT NOT NULL,
    basis TEXT NOT NULL,
    detail TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    transaction_id BYTEA NOT NULL,
    issued_at BIGINT NOT NULL,
    csr_info BYTEA NOT NULL,
    revoked_at BIGINT,
    reason BIGINT,
    notice_state BIGINT,
    notice_due BIGINT,
    notice_attempts BIGINT,
    notice_ends BIGINT,
    PRIMARY KEY (issuer, serial)
);
CREATE INDEX certificates_ends ON certificates (ends);
CREATE INDEX certificates_revoked ON certificates (issuer, serial) WHERE revoked_at IS NOT NULL;

-- What is still to be told about a certificate; how far it got stands with the certificate. The body is a secret.
CREATE TABLE notices (
    issuer BYTEA NOT NULL,
    serial BYTEA NOT NULL,
    ends BIGINT NOT NULL,
    endpoint TEXT NOT NULL,
    due BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (issuer, serial)
);
CREATE INDEX notices_due ON notices (endpoint, due);
CREATE INDEX notices_ends ON notices (ends);

CREATE TABLE crl_numbers (
    issuer BYTEA NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

-- A file as version 1 left it: a certificate that was issued on a challenge and revoked, and a request at work.
CREATE TABLE schema_version (only_one BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO schema_version VALUES (1, 1);
INSERT INTO challenges (key, ends, holder, csr_info, issuer, serial)
    VALUES (X'000000016b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b', 1700003901, NULL, X'0000000163636363636363636363636363636363636363636363636363636363', X'0000000169696969696969696969696969696969696969696969696969696969', X'0101010101010101010101010100000007');
INSERT INTO transactions (id, endpoint, transaction_id, ends, state, settled_signer, settled_csr, settled_ends, issuer, serial)
    VALUES (1, 'devices', X'74', 1700000600, 2, X'0000000173737373737373737373737373737373737373737373737373737373', X'0000000163636363636363636363636363636363636363636363636363636363', 1700000600, X'0000000169696969696969696969696969696969696969696969696969696969', X'0101010101010101010101010100000007');
INSERT INTO transactions (id, endpoint, transaction_id, ends, generation, hold_signer, hold_csr, hold_ends, replay_window,
        device, slot_taken, slot_ends, slot_window)
    VALUES (123, 'devices', X'75', 1700000030, 456, X'0000000273737373737373737373737373737373737373737373737373737373', X'0000000263636363636363636363636363636363636363636363636363636363', 1700000030, 600, X'0000000164646464646464646464646464646464646464646464646464646464', 1700000000, 1700000030, 100);
INSERT INTO devices (key, ends, slots)
    VALUES (X'0000000164646464646464646464646464646464646464646464646464646464', 1700000030, X'000000006553f100000000006553f11e');
INSERT INTO certificates (issuer, serial, ends, der, subject_key, not_after, basis, detail, endpoint, transaction_id, issued_at,
        csr_info, revoked_at, reason)
    VALUES (X'0000000169696969696969696969696969696969696969696969696969696969', X'0101010101010101010101010100000007', 1732227201, X'63657274696669636174652037', X'0000000770707070707070707070707070707070707070707070707070707070', 1731536000, 'signed_challenge', '00000007', 'devices', X'74',
        1700000000, X'0000000163636363636363636363636363636363636363636363636363636363', 1700000001, 1);
