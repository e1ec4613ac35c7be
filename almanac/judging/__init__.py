"""A judge on live traffic: which answers it looks at, what it measures, what its figures say."""
