"""What is embedded, what comes of it, and what is known of an embedding model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Role = Literal["query", "passage"]
"""What a text is: a question, or what may answer it. Many models want to be told."""


class Image(msgspec.Struct, frozen=True):
    """A picture.

    Attributes:
        data: The bytes of its file.
        content_type: Of the file.
    """

    data: bytes
    content_type: str = "image/png"


Input = str | Image
"""What has a vector of its own."""


class EmbeddingModel(msgspec.Struct, frozen=True):
    """One model, in the way in which it is asked here.

    Attributes:
        name: `provider/model`.
        dimensions: Numbers in each vector.
        takes_images: Whether pictures have vectors in the same space as texts.
        fingerprint: Tells another model of that name, or one that is asked in another way. The same as long as the
            vectors that were made are of use.
    """

    name: str
    dimensions: int
    takes_images: bool
    fingerprint: str
