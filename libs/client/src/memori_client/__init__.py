"""The Python client of Memori for Text2SQL.

from memori_client import Memori

with Memori("https://memori.example.com", token=token) as memori:
    memori.remember("Revenue is net of returns")
    answer = memori.ask("What was our revenue last month?", execute=True)
    print(answer["sql"], answer["result"]["rows"])
"""

from memori_client.client import Memori
from memori_client.errors import MemoriError, MemoriUnavailable

__all__ = ["Memori", "MemoriError", "MemoriUnavailable"]
