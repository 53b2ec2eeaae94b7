"""The pure parts of the work over many processes."""
