"""How a lakehouse stands, on one page: what answers, what ran, and what waits for a person."""
