"""Pools of workers: the formula, the scaler's decisions, and the jobs that it submits."""
