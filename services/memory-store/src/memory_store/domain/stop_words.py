"""English words that say nothing about what a text is about, question words included."""

_WORDS = """
a about am an and are as at be been being but by can could did do does for from had has have he her hers him his
how i i'd i'll i'm i've if in into is it its let me my of on or our ours please she should so such than that the
their theirs them then there these they they're this those to us was we we're were what when where which who
whom whose why will with would you you're your yours
"""

STOP_WORDS = frozenset(_WORDS.split())
"""Negations, quantities and orders ("not", "all", "over", "top") are missing on purpose: they matter to SQL."""
