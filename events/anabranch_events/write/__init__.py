"""Ways into the log: one event, a batch, a group, an import."""
