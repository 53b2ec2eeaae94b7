// What the insights in $ids say, with their vectors; one row an insight that has one.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.embedding IS NOT NULL AND i.forgotten IS NULL
RETURN i.text AS text, i.subject AS subject, i.embedding AS vector
