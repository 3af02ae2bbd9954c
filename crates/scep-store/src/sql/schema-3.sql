-- Version 3: a password that requests are encrypted by is kept sealed, so that they can be opened.

ALTER TABLE passwords ADD COLUMN sealed BYTEA;
