// Keep a projection's checkpoint where it stands until the transaction ends, and then until $until;
// returns a row if there is one. The SET takes the node's lock, or makes a rival's commit or ours fail.
MATCH (c:Checkpoint {projection: $projection})
SET c.held_until = datetime($until)
RETURN c.position AS position
