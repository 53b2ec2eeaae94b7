"""What does a branch's work."""
