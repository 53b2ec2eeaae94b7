"""The unit tests of thinking's executors."""
