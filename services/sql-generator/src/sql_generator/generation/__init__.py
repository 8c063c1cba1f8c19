"""From a question and its context to a draft of SQL: the prompt, and the models that answer it."""
