"""The service tests of executors: real clients, and services that answer, refuse, drop and lie."""
