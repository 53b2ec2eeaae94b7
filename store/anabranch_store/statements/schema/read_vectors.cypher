// Which model's vectors the graph holds. Returns one row {model, dimension}, or none.
MATCH (v:Vectors {id: 'insight_embedding'})
RETURN v.model AS model, v.dimension AS dimension
