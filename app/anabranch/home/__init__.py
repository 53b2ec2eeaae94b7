"""The folder of a memory, who owns it, and where its servers are."""
