"""What entity-extractor does."""
