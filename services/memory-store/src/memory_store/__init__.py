"""Conversations, messages and memories; search and recall."""
