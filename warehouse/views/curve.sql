-- Grain: a per cent, 0 to 100, of a phase of each trial's current run.
CREATE OR REPLACE VIEW curve AS
FROM curves_of('phase');
