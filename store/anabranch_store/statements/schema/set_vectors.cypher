// Note the dimension of the vector index. Returns one row {dimension}.
MERGE (v:Vectors {id: 'insight_embedding'})
SET v.dimension = $dimension
RETURN v.dimension AS dimension
