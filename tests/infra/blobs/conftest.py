from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roundhouse.infra.blobs.staging import Staging


@pytest.fixture
async def staging(tmp_path: Path) -> AsyncIterator[Staging]:
    made = Staging(tmp_path / "blobs" / "incoming")
    yield made
    await made.close()
