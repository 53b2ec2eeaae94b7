"""The service tests of events's transport."""
