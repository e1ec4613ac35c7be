"""The stages of a run as Prefect tasks, and the rooms where their work is done."""
