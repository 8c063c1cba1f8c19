"""Real parts for tests: a local server that speaks the model providers' protocols."""
