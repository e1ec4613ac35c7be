"""Small rules that say whether a passage supports or contradicts a claim; no model, no state."""
