"""Pools of workers that grow and shrink with the load of the queue."""
