"""Plain types that every room may use: settings, documents, table schemas, errors, times.

Nothing here imports another room, Prefect, a database engine or a model.
"""
