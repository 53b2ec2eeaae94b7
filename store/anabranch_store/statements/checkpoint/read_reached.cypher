// Return one row: the positions that both projections have reached, 0 before they begin, and the
// model of the vectors that the graph holds, null before there are any.
OPTIONAL MATCH (g:Checkpoint {projection: 'graph'})
OPTIONAL MATCH (v:Checkpoint {projection: 'vectors'})
OPTIONAL MATCH (m:Vectors {id: 'insight_embedding'})
RETURN coalesce(g.position, 0) AS graph, coalesce(v.position, 0) AS vectors, m.model AS model
