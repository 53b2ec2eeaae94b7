"""Tests of the server for agents, on a memory."""
