// How many nodes of a label of ours lack its key, by the stores' own counts: one row, a count a label.
RETURN
  COUNT { MATCH (n:Agent) }
    - COUNT { MATCH (n:Agent) WHERE n.namespace IS NOT NULL AND n.name IS NOT NULL } AS Agent,
  COUNT { MATCH (n:Consolidation) }
    - COUNT { MATCH (n:Consolidation) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL } AS Consolidation,
  COUNT { MATCH (n:Entity) }
    - COUNT { MATCH (n:Entity) WHERE n.namespace IS NOT NULL AND n.name IS NOT NULL } AS Entity,
  COUNT { MATCH (n:Insight) }
    - COUNT { MATCH (n:Insight) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL } AS Insight,
  COUNT { MATCH (n:Note) } - COUNT { MATCH (n:Note)
    WHERE n.namespace IS NOT NULL AND n.session_id IS NOT NULL AND n.key IS NOT NULL } AS Note,
  COUNT { MATCH (n:Session) }
    - COUNT { MATCH (n:Session) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL } AS Session
