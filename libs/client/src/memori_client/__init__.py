"""The Python client of Memori for Text2SQL."""
