"""Recall over the store's own indexes.

Others use: `ranker.GraphRanker`, `ranker.LANE_TIMEOUT_S`.
"""
