"""Measures how well memories are found, on data the caller brings."""
