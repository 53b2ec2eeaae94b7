// Whether the graph holds anything that is no note of ours. Returns one row {found}: 0 or 1.
MATCH (n)
WHERE NOT n:Checkpoint AND NOT n:Vectors AND NOT n:Generation
WITH n LIMIT 1
RETURN count(n) AS found
