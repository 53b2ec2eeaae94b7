"""Benchmarks: ours against a peer, side by side in one run."""
