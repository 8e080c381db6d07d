-- Grain: as of phase, of the sessions whose derived rows are not up to date.
CREATE OR REPLACE VIEW phase_to_derive AS
SELECT phase.*
FROM phase
ANTI JOIN session_up_to_date USING (session_id);
