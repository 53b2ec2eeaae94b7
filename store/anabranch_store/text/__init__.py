"""Words, stems and names in texts."""
