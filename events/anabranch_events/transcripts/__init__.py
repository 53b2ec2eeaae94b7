"""Transcripts of agent tools as they are, beside the log: appended, read, listed and dropped.

Others use: `stream.TranscriptKey`, `transcripts.Head`, `transcripts.Transcripts`.
"""
