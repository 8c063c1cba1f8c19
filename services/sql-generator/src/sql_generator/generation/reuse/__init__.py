"""Answers of past questions for new ones: the same question, the same with other values, the same in other words.

Whether two questions are the same is read as the offline model reads them, with its words and its catalogue of the
schema. It needs no model, so verified answers are reused whatever model there is.
"""
