"""The service tests of thinking's thoughts."""
