"""What sql-generator does; each use case holds its transactions."""
