"""Pools of workers that grow and shrink, over a real queue."""
