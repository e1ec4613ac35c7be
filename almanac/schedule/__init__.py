"""Logical dates: which one a run has, which were missed, and backfills.

Words, as Airflow and Prefect have them. The *logical date* is the instant as of which a run reads
its sources and publishes. A run that is started late takes the newest logical date that has come;
the dates before it at which nothing ran are *missed*, and stored as such. *Catch-up* runs missed
dates where the data of each can still be read (dated sources); a *backfill* publishes past dates
in order.
"""
