// Make relationships ASSOCIATED_WITH that the log says; one row each {start, end, properties,
// times}, returns nothing. Both ends are there. Times are text.
UNWIND $rows AS row
MERGE (a:Insight {namespace: row.start[1], id: row.start[2]})
MERGE (b:Insight {namespace: row.end[1], id: row.end[2]})
CREATE (a)-[r:ASSOCIATED_WITH]->(b)
SET r += row.properties
SET r += {
  recorded_at: datetime(row.times.recorded_at),
  last_cited: datetime(row.times.last_cited)
}
