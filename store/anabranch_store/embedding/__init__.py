"""Embedders: texts into vectors.

Others use: `endpoint.EmbeddingEndpoint`, `minilm.MiniLM`, `model_folder.ModelFolder`.
"""
