"""The Python face: memories and sessions."""
