"""Events out of one log and into another: exports, imports, snapshots."""
