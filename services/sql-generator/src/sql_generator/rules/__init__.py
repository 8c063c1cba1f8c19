"""Rules at work: which apply, what they do to a statement, and what came of it. Nothing here reads or writes data."""
