"""The service tests of app's transfer."""
