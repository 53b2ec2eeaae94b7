// End insights at the first position at which they ceased to hold; one row an end, returns nothing.
// Each end is a relationship of its own from the session that said so: for a reader who does not see
// an earlier one it is the first. One that has ended ends no other (void): of a circle the last
// stands. What was retracted or forgotten has ended for good, from `final` on.
// By a null key the embedded graph would look at every insight; '' finds none at once.
UNWIND $rows AS row
MERGE (i:Insight {namespace: row.namespace, id: row.id})
WITH row, i
WHERE NOT row.position IN [(i)<-[known:RETIRED]-(:Session) | known.recorded]
OPTIONAL MATCH (by:Insight {namespace: row.namespace, id: coalesce(row.by, '')})
WITH row, i, by.retired IS NOT NULL OR (row.by IS NOT NULL AND i.final IS NOT NULL) AS void,
  CASE WHEN i.forgotten IS NOT NULL THEN 'forgotten'
    WHEN by.forgotten IS NOT NULL THEN 'superseded' ELSE row.reason END AS reason
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
CREATE (s)-[:RETIRED {
  recorded: row.position, by: row.by, void: CASE WHEN void THEN true END
}]->(i)
WITH row, i, void, reason, row.by IS NULL AND i.final IS NULL AS ends_for_good
FOREACH (known IN CASE WHEN ends_for_good THEN [i] ELSE [] END |
  SET known.final = row.position
  SET known.final_reason = reason
  SET known.retracted = CASE WHEN row.retracted THEN row.position END
)
WITH row, i, void, reason
WHERE i.retired IS NULL AND NOT void
SET i.retired = row.position
SET i.current = false
SET i.retired_reason = reason
SET i.stated_until = CASE WHEN row.valid_until IS NULL THEN null ELSE i.valid_until END
SET i.restated = CASE WHEN row.valid_until IS NULL THEN null ELSE true END
SET i.valid_until = coalesce(datetime(row.valid_until), i.valid_until)
