"""`memori eval sql`: how well questions about databases are answered."""
