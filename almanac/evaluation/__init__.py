"""Is the adapter better? Scores of answers, intervals, a gate, a report."""
