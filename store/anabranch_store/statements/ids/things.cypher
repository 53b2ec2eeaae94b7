// Sessions, insights and consolidations of a namespace whose ids end with $ending: id, and text.
MATCH (s:Session {namespace: $namespace})
WHERE s.id ENDS WITH $ending AND s.opened IS NOT NULL
RETURN s.id AS id, s.task AS said
UNION
MATCH (i:Insight {namespace: $namespace})
WHERE i.id ENDS WITH $ending AND i.recorded IS NOT NULL
RETURN i.id AS id, i.text AS said
UNION
MATCH (c:Consolidation {namespace: $namespace})
WHERE c.id ENDS WITH $ending
RETURN c.id AS id, c.text AS said
