"""The service tests of app's memory."""
