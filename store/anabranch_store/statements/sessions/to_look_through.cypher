// The sessions that say one of $spelt, in lower case, by their ids, those after $after; one row a
// session: its own texts with its notes and hand-offs, its result, and the consolidations of it as pairs
// of id and text; at most $limit.
MATCH (s:Session {namespace: $namespace})
WHERE s.forgotten IS NULL AND s.id > $after
WITH s, [s.task, s.attributes, s.error, s.ended_reason]
  + [(s)-[:NOTED]->(n:Note) | n.key] + [(s)-[:NOTED]->(n:Note) | n.value]
  + [(s)-[h:HANDED_OFF_TO]->(:Session) | h.summary] AS texts,
  [(s)<-[:CONSOLIDATES]-(c:Consolidation) | [c.id, c.text]] AS consolidations
WHERE any(t IN texts + [s.result] + [c IN consolidations | c[1]]
  WHERE any(word IN $spelt WHERE toLower(t) CONTAINS word))
RETURN s.id AS id, texts, s.result AS result, consolidations
ORDER BY id
LIMIT $limit
