"""The clients of the benchmark: how each is told what to do, and where it reports."""
