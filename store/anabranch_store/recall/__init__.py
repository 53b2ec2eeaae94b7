"""Recall over the store's own indexes."""
