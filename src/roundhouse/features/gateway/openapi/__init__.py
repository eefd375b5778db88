"""The inference endpoints in OpenAPI: they stand before the framework, which therefore cannot describe them.

Nothing is built before `/openapi.json` is asked for. Ranges of sampling parameters are told in words: the model
server decides on them, and what it refuses comes back as its own 4xx.
"""

from roundhouse.features.gateway.openapi.document import inference_components, inference_paths

__all__ = ["inference_components", "inference_paths"]
