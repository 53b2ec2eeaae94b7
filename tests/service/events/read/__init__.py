"""The service tests of events's read."""
