// Every relationship, in no order, named by the keys of its ends. Returns a row a relationship:
// {type, start, end, properties}, where an end is [label, namespace, id or name].
MATCH (a)-[r]->(b)
RETURN type(r) AS type,
  [head(labels(a)), a.namespace, coalesce(a.id, a.name)] AS start,
  [head(labels(b)), b.namespace, coalesce(b.id, b.name)] AS end,
  properties(r) AS properties
