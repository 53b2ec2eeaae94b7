"""The consolidation of branches' findings."""
