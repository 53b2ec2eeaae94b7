// Move a projection's checkpoint from $expected to $position; returns a row only if it stood there
// and nobody holds it. The first SET takes the node's lock, so that the comparison sees what a rival
// committed.
MERGE (c:Checkpoint {projection: $projection})
SET c.updated_at = datetime($time)
WITH c
WHERE coalesce(c.position, 0) = $expected
  AND (c.held_until IS NULL OR c.held_until <= datetime($time))
SET c.position = $position
RETURN c.position AS position
