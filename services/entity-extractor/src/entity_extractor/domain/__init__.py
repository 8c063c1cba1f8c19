"""What the knowledge graph is made of, as plain Python."""
