-- Under which key of the ring a number is indexed, so that a rotation finds it; NULL: from before this was kept.
ALTER TABLE sms_number ADD COLUMN ring_key INTEGER;
