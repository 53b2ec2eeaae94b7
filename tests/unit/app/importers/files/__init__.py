"""Tests of importing sessions of agent tools."""
