// What others say about the insights in $ids that goes when they are forgotten; one row an insight:
// associations with a reason, from and to it; the other ends of its conflicts; consolidations that are
// derived from it; and sessions with a result that produced it or joined what did.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
RETURN i.id AS insight_id,
  [(i)-[r:ASSOCIATED_WITH]->(o:Insight) WHERE r.reason IS NOT NULL | [o.id, r.kind]] AS outward,
  [(i)<-[r:ASSOCIATED_WITH]-(o:Insight) WHERE r.reason IS NOT NULL | [o.id, r.kind]] AS inward,
  [(i)-[r:CONFLICTS_WITH]-(o:Insight) WHERE r.subject <> '(forgotten)' | o.id] AS opposed,
  [(i)<-[:DERIVED_FROM]-(c:Consolidation) WHERE c.text <> '(forgotten)' | c.id] AS consolidations,
  [(i)<-[:PRODUCED]-(s:Session) WHERE s.result <> '(forgotten)' | s.id] AS producers,
  [(i)<-[:DERIVED_FROM]-(:Consolidation)-[:CONSOLIDATES]->(:Session)-[:BRANCHED_FROM]->(s:Session)
    WHERE s.result <> '(forgotten)' | s.id] AS joiners
