"""The graph's generations: rebuilt, used, dropped, and how far each is."""
