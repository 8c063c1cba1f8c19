"""What memory-store does; each verb is one transaction with its events."""
