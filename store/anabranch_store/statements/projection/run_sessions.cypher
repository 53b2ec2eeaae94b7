// Say which agent ran which session; one row a pair, returns nothing.
// The session's side is asked whether it knows the agent: an agent may have run very many.
UNWIND $rows AS row
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
WITH row, s
WHERE NOT row.agent IN [(s)<-[:RAN]-(known:Agent) | known.name]
MERGE (a:Agent {namespace: row.namespace, name: row.agent})
CREATE (a)-[:RAN {recorded: row.recorded}]->(s)
