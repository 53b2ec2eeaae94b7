"""Memory that settles by itself: what was said again, changed, and belongs together."""
