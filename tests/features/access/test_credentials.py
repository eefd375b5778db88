import pytest

from roundhouse.core.errors import BadInput
from roundhouse.core.ids import new_id
from roundhouse.core.settings import PLACEHOLDER_KEYS
from roundhouse.features.access.credentials import KeyHasher, fixed_key, key_id_of, new_key


def test_a_key_names_its_row_and_holds_256_bits():
    key_id = new_id("key")
    key = new_key(key_id)
    assert key.startswith(f"rh_{key_id.removeprefix('key_')}_")
    assert key_id_of(key) == key_id
    assert len(key) == 3 + 26 + 1 + 43
    assert new_key(key_id) != key


@pytest.mark.parametrize(
    "text",
    ["", "rh_", "sk-abc", "rh_short_secret", new_key(new_id("key")) + "x", " " + new_key(new_id("key"))],
    ids=["nothing", "prefix", "foreign", "short", "too long", "after a blank"],
)
def test_what_is_no_key(text):
    assert key_id_of(text) is None


def test_digests_need_the_pepper():
    key = new_key(new_id("key"))
    hasher = KeyHasher(b"one")
    digest = hasher.digest(key)
    assert key not in digest
    assert len(digest) == 64
    assert hasher.same(key, digest)
    assert not hasher.same(key + "x", digest)
    assert not hasher.same(key, "")
    assert not KeyHasher(b"two").same(key, digest)


def test_keys_out_of_templates_are_refused():
    for placeholder in PLACEHOLDER_KEYS - {""}:
        with pytest.raises(BadInput, match="template"):
            fixed_key(placeholder.upper())
    assert fixed_key(None) is None
    assert fixed_key("  ") is None
    assert fixed_key(" my own secret ") == "my own secret"
