// Take a dead letter away that was applied after all; returns nothing.
MATCH (d:DeadLetter {position: $position})
DELETE d
