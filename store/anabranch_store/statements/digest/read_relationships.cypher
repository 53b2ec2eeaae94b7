// Every relationship of a type of ours, in no order, with labels and keys of its ends. Returns a row
// a relationship: {element, type, start_labels, start, end_labels, end, properties}.
MATCH (a)-[r:ASSOCIATED_WITH|BRANCHED_FROM|CONFLICTS_WITH|CONSOLIDATES|DERIVED_FROM|HANDED_OFF_TO|MENTIONS|NOTED|PRODUCED|RAN|RETIRED|SUPERSEDES]->(b)
RETURN elementId(r) AS element, type(r) AS type,
  labels(a) AS start_labels, a {.namespace, .id, .name, .session_id, .key} AS start,
  labels(b) AS end_labels, b {.namespace, .id, .name, .session_id, .key} AS end,
  properties(r) AS properties
