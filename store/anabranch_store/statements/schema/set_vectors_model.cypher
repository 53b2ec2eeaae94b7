// Note the model whose vectors are written, unless there is one. Returns one row {model}.
MATCH (v:Vectors {id: 'insight_embedding'})
SET v.model = coalesce(v.model, $model)
RETURN v.model AS model
