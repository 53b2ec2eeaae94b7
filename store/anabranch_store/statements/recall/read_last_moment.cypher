// Return the time of the last insight that was recorded up to $until, as text, and the number of
// those that held then and were forgotten since. Each is read by an index of its own.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until
WITH i.recorded_at AS moment, i.recorded AS recorded
ORDER BY recorded DESC LIMIT 1
OPTIONAL MATCH (i:Insight {namespace: $namespace})
WHERE i.forgotten > $until AND i.recorded <= $until AND @insights/ended IS NULL
RETURN toString(moment) AS moment, count(i) AS forgotten
