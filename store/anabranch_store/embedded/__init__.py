"""The embedded graph's server, its databases and its process."""
