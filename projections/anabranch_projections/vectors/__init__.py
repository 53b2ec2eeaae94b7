"""The projection of vectors.

Others use: `cache.BUCKET`, `projector.VECTORS`, `projector.VectorProjector`.
"""
