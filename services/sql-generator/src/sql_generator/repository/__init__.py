"""The only place with SQL of our own tables."""
