"""The only place with SQL. Every function works inside the caller's transaction, under row-level security."""
