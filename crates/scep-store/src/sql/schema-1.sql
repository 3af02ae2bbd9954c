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
