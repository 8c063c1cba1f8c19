"""The service that answers."""

SERVICE = "sql-generator"
