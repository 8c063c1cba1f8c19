"""A process that reads one SQLite file for one request and ends. Standard library only: it starts for each statement.

The request on standard input: `{operation: test | introspect | execute | explain, path, sql, limits: {rows, bytes,
seconds}}`. The answer on standard output: what the operation returns, or `{error: unreachable | failed | timed_out,
detail}`.
"""
