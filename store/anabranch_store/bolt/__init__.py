"""The driver: transactions, values, errors."""
