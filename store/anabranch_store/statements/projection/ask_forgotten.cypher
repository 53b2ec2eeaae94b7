// Which insights are to be forgotten that were not yet, or only later; one row an insight: namespace,
// id, position, receipt, asked.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE i.forgotten IS NULL OR row.position < i.forgotten
RETURN row.namespace AS namespace, row.id AS id, row.position AS position, row.receipt AS receipt,
  true AS asked
