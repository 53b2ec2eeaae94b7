"""The Python face, where it needs no server."""
