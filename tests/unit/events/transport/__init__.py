"""The unit tests of events's transport."""
