"""Uploaded files: where their bytes are, and how one becomes a database that can be asked."""
