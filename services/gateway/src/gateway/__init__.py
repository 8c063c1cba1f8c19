"""The HTTP edge: authenticates, validates, relays."""
