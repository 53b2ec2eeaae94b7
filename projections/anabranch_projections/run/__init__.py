"""The loop that every projection shares."""
