"""Ways out of the log, in order and without a gap."""
