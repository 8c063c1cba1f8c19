"""What the processes that read files have in common, on their side. Standard library only: they start for each request.

The request on standard input: `{operation: test | introspect | execute | explain, path, sql, limits: {rows, bytes,
seconds}}`. The answer on standard output: what the operation returns, or `{error: unreachable | failed | timed_out,
detail}`.
"""
