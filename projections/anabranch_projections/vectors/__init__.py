"""The projection of vectors."""
