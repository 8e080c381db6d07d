-- Every change of which release is in use, the newest first: what was done, by whom and why.
-- Grain: an act.
-- Note: of a canary the release is its candidate, else the promoted one. What the watch of a rollout did is by watch.
-- Example:
SELECT
    act_number,
    act,
    release.name AS release,
    is_override AS against_the_gate,
    rollout_number,
    who,
    why,
    noted_at
FROM release_act
JOIN release ON release.release_id = coalesce(release_act.canary.release_id, release_act.releases[-1])
WHERE is_done
ORDER BY act_number DESC;
