"""The Prefect server that `almanac up` runs: its processes, deployments and automations."""
