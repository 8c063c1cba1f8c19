"""The model that writes SQL without a key and without a network."""

from sql_generator.generation.offline.model import OfflineModel

__all__ = ["OfflineModel"]
