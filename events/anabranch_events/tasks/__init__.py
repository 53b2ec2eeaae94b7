"""Tasks: the work queue beside the log, and the signals between those who work on it.

Others use: `queue.TaskQueue`.
"""
