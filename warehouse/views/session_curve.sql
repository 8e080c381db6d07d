-- Grain: as of mean_curves_of. What `biopose cohort` has derived is read, all else computed now, so
-- that the answer never depends on when it was derived.
CREATE OR REPLACE VIEW session_curve AS
SELECT session.team_id, session.session_date, derived.*
FROM derived_session_curve AS derived
SEMI JOIN session_up_to_date USING (session_id)
JOIN session USING (session_id)
UNION ALL BY NAME
FROM mean_curves_of('phase_to_derive');
