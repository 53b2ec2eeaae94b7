// Note the dimension of the vector index, once. Returns one row {dimension}.
MERGE (v:Vectors {id: 'insight_embedding'})
ON CREATE SET v.dimension = $dimension
RETURN v.dimension AS dimension
