// The positions of all dead letters after $after: what the graph does not hold of the log; a row each.
MATCH (d:DeadLetter)
WHERE d.position > $after
RETURN d.position AS position
