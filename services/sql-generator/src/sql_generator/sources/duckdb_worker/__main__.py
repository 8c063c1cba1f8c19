import _duckdb as duckdb

from sql_generator.sources import StatementFailed
from sql_generator.sources.duckdb_worker.reader import Reader
from sql_generator.sources.duckdb_worker.schema import read_tables
from sql_generator.sources.worker.sandbox import Bounds
from sql_generator.sources.worker.serving import serve

# DuckDB counts what its queries hold (`reader.MEMORY`), and maps more; it writes nothing.
_BOUNDS = Bounds(address_space=2 * 1024 * 1024 * 1024, file=0)

serve(_BOUNDS, Reader, read_tables, failures=(StatementFailed, duckdb.Error))
