"""Clean text: what was said, as it would be written. Fillers go, casing and punctuation come, words stay."""
