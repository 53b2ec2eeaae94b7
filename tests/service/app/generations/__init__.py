"""The service tests of app's generations."""
