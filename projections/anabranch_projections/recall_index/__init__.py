"""The recall index: the log as columns in position order, one index a namespace."""
