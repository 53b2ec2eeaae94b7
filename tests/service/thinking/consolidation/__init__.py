"""The service tests of thinking's consolidation."""
