-- Grain: a session whose derived rows were computed from the content that it has now.
CREATE OR REPLACE VIEW session_up_to_date AS
SELECT session_id
FROM session_refresh
JOIN session_content USING (session_id, content);
