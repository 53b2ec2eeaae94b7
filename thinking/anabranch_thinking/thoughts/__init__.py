"""A task fanned out and joined again."""
