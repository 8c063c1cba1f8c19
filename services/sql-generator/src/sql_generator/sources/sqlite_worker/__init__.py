"""A process that reads one SQLite file for one request and ends; see `sources.worker`."""
