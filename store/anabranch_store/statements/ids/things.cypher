// Sessions, insights and consolidations of a namespace whose ids begin or end with $part: id, text.
MATCH (s:Session {namespace: $namespace})
WHERE (s.id STARTS WITH $part OR s.id ENDS WITH $part) AND s.opened IS NOT NULL
RETURN s.id AS id, s.task AS said
UNION
MATCH (i:Insight {namespace: $namespace})
WHERE (i.id STARTS WITH $part OR i.id ENDS WITH $part) AND i.recorded IS NOT NULL
RETURN i.id AS id, i.text AS said
UNION
MATCH (c:Consolidation {namespace: $namespace})
WHERE c.id STARTS WITH $part OR c.id ENDS WITH $part
RETURN c.id AS id, c.text AS said
