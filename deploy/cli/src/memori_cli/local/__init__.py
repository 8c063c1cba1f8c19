"""The system on one machine without containers: Postgres, NATS and the services as child processes."""
