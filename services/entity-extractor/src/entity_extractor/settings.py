"""The settings of entity-extractor."""

from runtime import DatabaseSettings


class EntityExtractorSettings(DatabaseSettings):
    """What every service with tables needs, and nothing more."""
