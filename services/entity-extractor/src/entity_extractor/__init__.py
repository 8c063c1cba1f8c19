"""Entities, relationships and facts: the knowledge graph."""
