"""From a resolved plan to SQL text, by way of a syntax tree."""
