"""The published language: events, request-reply messages, problems and topology."""
