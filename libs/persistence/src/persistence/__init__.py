"""Engine, tenant session under row-level security, migrations and roles."""

from persistence.database import Database, Transaction
from persistence.roles import schema_of

__all__ = ["Database", "Transaction", "schema_of"]
