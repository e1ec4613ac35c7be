"""What models cost: prices, what was spent, and budgets."""
