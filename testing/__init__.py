"""What tests and benchmarks share: faults that are planted, and houses to plant them in."""
