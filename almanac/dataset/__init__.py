"""From feedback to a guarded, split, immutable training set."""
