import pytest

from roundhouse.infra.blobs.keys import key_parts, new_key


def test_no_key_is_made_twice() -> None:
    keys = {new_key("ab" * 32) for _ in range(1000)}
    assert len(keys) == 1000
    folder, name = key_parts(keys.pop())
    assert folder == "ab"
    assert len(name) == 62 + 17


@pytest.mark.parametrize("key", ["", "..", f"{'a' * 64}.{'0' * 16}\n", f"{'a' * 64}/{'0' * 16}", "a" * 81])
def test_a_path_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        key_parts(key)
