-- Grain: a session with current runs; its content identifies these runs, and by which activity their phases are found.
CREATE OR REPLACE VIEW session_content AS
SELECT current_run.session_id, sum(hash(run.run_id, current_run.activity)) AS content
FROM current_run
JOIN run USING (run_number)
GROUP BY current_run.session_id;
