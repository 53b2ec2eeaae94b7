"""The service tests of thinking's sessions."""
