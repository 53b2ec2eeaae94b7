"""What was known at an earlier moment, and what changed since."""
