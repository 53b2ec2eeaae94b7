"""What an event is: its types, its envelope, and its forms on the wire."""
