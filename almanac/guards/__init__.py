"""What recognises personal data, injections and bad words; for datasets, serving and ingest."""
