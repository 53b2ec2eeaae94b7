"""An event: its types, its envelope, and its forms on the wire."""
