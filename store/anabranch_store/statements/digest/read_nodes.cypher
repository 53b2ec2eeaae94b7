// Every node that the events determine, in no order. Returns a row a node: {labels, properties};
// what is null is left out later: vectors are a model's work, a dead letter's reason is a text of
// whoever could not read the event.
MATCH (n)
WHERE NOT n:Checkpoint AND NOT n:Vectors
RETURN labels(n) AS labels,
  n {.*, embedding: null, embedding_model: null,
     reason: CASE WHEN n:DeadLetter THEN null ELSE n.reason END} AS properties
