-- Whether the author of a held message is to be told what was cut out of it, and when a person let it go: then it counts
-- to that round of notices.
ALTER TABLE message ADD COLUMN tell_cuts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN released INTEGER;
