-- By how much the releases of each rollout differ on the trials that both measured: candidate minus champion.
-- Grain: a rollout and quantity: a metric, or a coordinate of the kinematics.
-- Note: the mean over trials with its 95 % interval by the bootstrap over athletes; with fewer than four athletes the
--   interval is not known. It describes the sample of the rollout, and nothing is corrected by it anywhere.
-- quantity: one of release_offset.quantity, such as knee_flexion_peak = any
-- Example:
SELECT
    rollout_number,
    champion.name AS champion,
    candidate.name AS candidate,
    quantity,
    mean_difference,
    low,
    high,
    unit,
    trials,
    athletes
FROM release_offset
JOIN rollout USING (rollout_number)
JOIN release AS champion ON champion.release_id = rollout.champion_id
JOIN release AS candidate ON candidate.release_id = rollout.candidate_id
WHERE $quantity IN (quantity, 'any')
ORDER BY rollout_number, quantity;
