-- Of a metric's standard deviation the part that is the same error in every trial of the athlete and on both sides. Null
-- where there is none, and of rows written before, whose deviations lack it.
ALTER TABLE metric_of_every_run ADD COLUMN constant_sd DOUBLE;
ALTER TABLE cycle_metric_of_every_run ADD COLUMN constant_sd DOUBLE;
