"""The projection of vectors.

Others use: `cache.BUCKET`, `cache.VectorCache`, `known.KnownVectors`, `projector.VECTORS`,
`projector.VectorProjector`, `projector.text_keys`.
"""
