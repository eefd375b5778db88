import gzip

import pytest

from console_checkout import MADE_UP, make_up
from roundhouse.core.errors import NotFound
from roundhouse.features.console.files import ConsoleFiles, policy


@pytest.fixture
def files(tmp_path):
    make_up(tmp_path / "ui")
    (tmp_path / "ui" / "index.html").write_text('<meta name="style-nonce" content="%STYLE_NONCE%">')
    (tmp_path / "secret.js").write_text("not ours to give")
    return ConsoleFiles(tmp_path / "ui")


def test_a_page_has_a_nonce_of_its_own(files):
    one, other = files.page_blocking(), files.page_blocking()
    assert one.body != other.body
    nonce = one.body.split(b'content="')[1].split(b'"')[0].decode()
    assert one.policy == policy(nonce)
    assert len(nonce) >= 22


def test_the_policy_lets_nothing_in_from_elsewhere():
    parts = dict(part.strip().split(" ", 1) for part in policy("abc").split(";"))
    assert parts["default-src"] == "'self'"
    assert {parts[name] for name in ("object-src", "frame-ancestors", "base-uri")} == {"'none'"}
    assert {word for value in parts.values() for word in value.split()} <= {
        "'self'",
        "'none'",
        "'nonce-abc'",
        "blob:",
        "data:",
    }
    assert "data:" not in parts["default-src"]
    assert "script-src" not in parts


def test_assets_are_kept_for_ever_and_packed(files):
    asset = files.asset_blocking("assets/a.js")
    assert asset.body.decode() == MADE_UP["assets/a.js"]
    assert gzip.decompress(asset.packed) == asset.body
    assert asset.kind == "text/javascript; charset=utf-8"
    assert "immutable" in asset.cache_control
    assert files.asset_blocking("assets/a.js") is asset
    assert files.asset_blocking("manifest.json").cache_control == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "chat",
        "",
        "assets",
        "assets/",
        "assets/b.js",
        "../secret.js",
        "assets/../../secret.js",
        "/etc/hosts.conf",
        "a\0.js",
        "x" * 5000 + ".js",
    ],
)
def test_what_is_no_file_of_the_console_is_not_given(files, path):
    assert files.asset_blocking(path) is None


def test_a_link_out_of_the_folder_is_not_followed(files, tmp_path):
    (tmp_path / "ui" / "link.js").symlink_to(tmp_path / "secret.js")
    assert files.asset_blocking("link.js") is None


def test_without_a_build_there_is_no_page(tmp_path):
    files = ConsoleFiles(tmp_path)
    assert not files.built
    assert files.asset_blocking("assets/a.js") is None
    with pytest.raises(NotFound, match="make console"):
        files.page_blocking()
