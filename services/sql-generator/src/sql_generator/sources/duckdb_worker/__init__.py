"""A process that reads one DuckDB file for one request and ends; see `sources.worker`.

It imports DuckDB's extension module itself: 20 ms, where the package around it takes 140 ms and adds nothing here.
"""
