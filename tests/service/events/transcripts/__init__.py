"""The queue of tasks."""
