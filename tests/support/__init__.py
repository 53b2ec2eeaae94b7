"""The parts that tests share: servers, histories, writers, and processes that are killed."""
