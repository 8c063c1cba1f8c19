"""What sql-generator decides, in plain Python."""
