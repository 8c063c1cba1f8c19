"""The memori command: migrate, dead letters, the local stack, the demo."""
