"""What was: differences, proof, restoring, healing, keeping and forgetting releases."""
