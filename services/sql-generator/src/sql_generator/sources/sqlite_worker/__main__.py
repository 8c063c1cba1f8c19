import sqlite3

from sql_generator.sources import StatementFailed
from sql_generator.sources.sqlite_worker.reader import Reader
from sql_generator.sources.sqlite_worker.schema import read_tables
from sql_generator.sources.worker.sandbox import Bounds
from sql_generator.sources.worker.serving import serve

# A database in WAL mode needs its -shm file (32 KiB for each 4,096 pages); nothing else is ever written.
_BOUNDS = Bounds(address_space=1024 * 1024 * 1024, file=1024 * 1024)

serve(_BOUNDS, Reader, read_tables, failures=(StatementFailed, sqlite3.Error))
