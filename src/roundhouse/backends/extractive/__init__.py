"""The built-in answerer and summariser: it finds sentences and quotes them, it never writes one.

Pure functions over text in English, Vietnamese, Chinese and Hebrew, on top of `core/language`: `conversation`
separates question from material, `ranking` and `summary` choose, `answer` says.
"""
