-- A mail that comes again is known by the row of its own thread id, which it writes anyway: the first 128 bits of its
-- fingerprint, made with its author's key, which message it was, and until when it counts as the same. NULL where the row tells none of that; what
-- finds no row of its own is in `repeat`.
ALTER TABLE thread ADD COLUMN print BLOB;
ALTER TABLE thread ADD COLUMN message BLOB;
ALTER TABLE thread ADD COLUMN until INTEGER;
