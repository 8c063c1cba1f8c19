"""What memory-store decides, in plain Python: terms, ranking, importance, pages, vectors."""
