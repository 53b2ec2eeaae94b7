"""The unit tests of events's event."""
