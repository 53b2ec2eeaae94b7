"""The unit tests of the transcripts beside the log."""
