"""Tests of exporting sessions in the forms of other tools."""
