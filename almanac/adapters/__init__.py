"""Where an adapter stands, who moved it there, and how it is served."""
