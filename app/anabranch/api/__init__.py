"""What every surface shares: requests, problems, idempotency, admission."""
