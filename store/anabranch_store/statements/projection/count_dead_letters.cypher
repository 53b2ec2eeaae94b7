// How many events could not be applied; one row.
MATCH (d:DeadLetter)
RETURN count(d) AS dead_letters
