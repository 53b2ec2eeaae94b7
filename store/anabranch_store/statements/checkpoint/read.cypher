// How far a projection has come. Returns one row {position}, or none when it has not begun.
MATCH (c:Checkpoint {projection: $projection})
RETURN c.position AS position
