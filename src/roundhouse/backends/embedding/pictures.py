"""Pictures among the inputs of an embeddings request, in Jina's form: `{"image": …}`, a `data:` URL or base64."""

from __future__ import annotations

import base64
import binascii

from roundhouse.backends.parts import data_url, is_data_url
from roundhouse.core.errors import BadInput


def picture_of(image: str) -> bytes:
    """The bytes of a picture that is in the request itself; raises BadInput."""
    coded = data_url(image)[1] if is_data_url(image) else image
    try:
        data = base64.b64decode("".join(coded.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise BadInput("'image' must be an address, a data: URL, or base64.", param="input")
    return data
