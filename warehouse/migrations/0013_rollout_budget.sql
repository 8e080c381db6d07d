-- What a rollout's shadow may spend, in minutes of processor time; null: no bound.
ALTER TABLE rollout ADD COLUMN most_minutes DOUBLE;
