"""Work over many processes: workers take branches from the queue, a joiner joins them.

Others use: `dispatch.think_over_workers`.
"""
