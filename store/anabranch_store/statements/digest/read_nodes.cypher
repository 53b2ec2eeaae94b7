// Every node that the events determine, in no order. Returns a row a node: {labels, properties};
// what is null is left out later: vectors are a model's work, a dead letter's reason is a text of
// whoever could not read the event, and what was tried or decided about it since is no event.
MATCH (n)
WHERE NOT n:Checkpoint AND NOT n:Vectors AND NOT n:Generation
RETURN labels(n) AS labels,
  n {.*, embedding: null, embedding_model: null,
     reason: CASE WHEN n:DeadLetter THEN null ELSE n.reason END,
     projection: null, put_aside_at: null, attempts: null, tried_at: null, discarded_at: null} AS properties
