"""OpenAPI 3.0 and 3.1, and Swagger 2.0, to proposals of capabilities; without any input or output.

Parameters and body of an operation become one flat JSON Schema; where each of its properties goes is kept apart.
"""
