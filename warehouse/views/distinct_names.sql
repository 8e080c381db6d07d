-- The names in a list, each once and in order, as text: the cameras or releases that stand beside a mean. Null where there
-- is no list, and without those that are null.
CREATE OR REPLACE MACRO distinct_names(names) AS array_to_string(list_sort(list_distinct(names)), ', ');
