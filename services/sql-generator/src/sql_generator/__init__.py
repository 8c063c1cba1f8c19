"""Data sources, rules, patterns: from a question to checked, read-only SQL."""
