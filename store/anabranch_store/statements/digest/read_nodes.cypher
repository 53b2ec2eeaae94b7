// Every node that may be content of ours, in no order, without its vector. Returns a row a node:
// {element, labels, properties}. `graph/content.py` leaves out what is foreign, and what no event
// determines.
MATCH (n:Agent|Consolidation|DeadLetter|Entity|Insight|Note|Session)
RETURN elementId(n) AS element, labels(n) AS labels, n {.*, embedding: null} AS properties
