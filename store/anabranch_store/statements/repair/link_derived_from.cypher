// Make relationships DERIVED_FROM that the log says, of consolidations and of insights; one row each
// {start, end}, returns nothing. Both ends are there.
UNWIND $rows AS row
MERGE (b:Insight {namespace: row.end[1], id: row.end[2]})
FOREACH (_ IN CASE WHEN row.start[0] = 'Consolidation' THEN [0] ELSE [] END |
  MERGE (a:Consolidation {namespace: row.start[1], id: row.start[2]})
  CREATE (a)-[:DERIVED_FROM]->(b)
)
FOREACH (_ IN CASE WHEN row.start[0] = 'Insight' THEN [0] ELSE [] END |
  MERGE (a:Insight {namespace: row.start[1], id: row.start[2]})
  CREATE (a)-[:DERIVED_FROM]->(b)
)
