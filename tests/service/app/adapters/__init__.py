"""The service tests of the adapters: each framework itself, on a real memory."""
