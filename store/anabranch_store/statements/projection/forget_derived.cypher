// Which insights are derived from those in $rows, and were not forgotten yet, or only later; one row an
// insight: namespace, id, and of the first forgetting its position and receipt.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
UNWIND [(i)<-[:DERIVED_FROM]-(d:Insight) WHERE d.forgotten IS NULL OR row.position < d.forgotten | d] AS d
WITH d, row.position AS position, row.receipt AS receipt
ORDER BY position
WITH d, collect(position) AS positions, collect(receipt) AS receipts
RETURN d.namespace AS namespace, d.id AS id, head(positions) AS position, head(receipts) AS receipt
