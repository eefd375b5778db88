"""A recording becomes raw text, clean text and a structured summary, surviving anything.

What comes in is a file, an address or a text; what comes of it are segments with their times, paragraphs that read
well, and an object that fits the JSON Schema of a template, each quote of it with the time at which it was said.
The work is one durable job with a step per stage; what a stage made is in the database before the next one begins.
"""
