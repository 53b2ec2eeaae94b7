"""The projection of vectors.

Others use: `cache.BUCKET`, `cache.VectorCache`, `projector.VECTORS`, `projector.VectorProjector`,
`projector.text_keys`.
"""
