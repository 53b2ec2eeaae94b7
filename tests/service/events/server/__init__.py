"""The service tests of events's server."""
