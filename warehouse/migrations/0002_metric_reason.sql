-- A metric that cannot be known, such as a speed where the camera moves, is null and says why.
ALTER TABLE metric ALTER COLUMN value DROP NOT NULL;
ALTER TABLE metric ADD COLUMN reason VARCHAR;
