"""The unit tests of thinking's consolidation."""
