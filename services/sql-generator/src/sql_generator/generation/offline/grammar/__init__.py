"""Reading a question from left to right: rules that turn its items into a plan."""
