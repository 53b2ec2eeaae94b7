// Take what is ours from nodes that the log does not know, and delete those of which nothing is left;
// returns nothing. $cleared has every property of their label, null.
MATCH (n)
WHERE elementId(n) IN $elements
SET n += $cleared
WITH n, size([(n)--(other) | 1]) AS links
WHERE links = 0 AND size(keys(n)) = 0 AND size(labels(n)) = 1
DELETE n
