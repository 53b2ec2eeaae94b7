"""The service tests of events's write."""
