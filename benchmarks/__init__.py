"""Measures what a call costs and how much of the rate budget is used. `python -m benchmarks` prints the table."""
