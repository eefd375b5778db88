"""Texts in English, Vietnamese, Chinese and Hebrew, as the built-in model and the rooms see them; pure functions.

`detection` tells the language, `sentences` cuts, `terms` folds words so that what means the same is found, `stopwords`
carry no topic, `questions` knows what is asked and what an answer to it has.
"""
