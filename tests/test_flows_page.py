"""What docs/flows.md shows works as it stands: its commands, in order."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from running_server import KEY, environment, running

PAGE = (Path(__file__).parents[1] / "docs" / "flows.md").read_text("utf-8")

if not all(shutil.which(tool) for tool in ("bash", "curl", "jq")):
    pytest.skip("the page needs bash, curl and jq", allow_module_level=True)


def test_the_page(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with running(tmp_path, ROUNDHOUSE_JOBS__EXECUTOR="true") as server:
        (key,) = KEY.findall(server.out)
        typed = "\n".join(blocks).replace("localhost:8000", server.url.removeprefix("http://"))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", typed],
            cwd=tmp_path,
            env=environment(KEY=key),
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert '["reply",1,[]]' in said
    assert '["order",[]]' in said
    assert '"signal.paid"' in said
    assert re.search(r'^\{"paid":35,"by":"signal:key:key_\w+"\}$', said, re.MULTILINE)
    assert re.search(r'^\[0(\.0)?,"draft","call","unavailable"\]$', said, re.MULTILINE)
    assert re.search(r'^\[[\d.]+,"person","ask","ok"\]$', said, re.MULTILINE)
    assert re.search(r'^\["Reply: When do you open\?","open",', said, re.MULTILINE)
    assert '"text": "We open at nine."' in said
    assert re.search(r'^\["human:key:key_\w+",\[\{"pointer":"/text"', said, re.MULTILINE)
    assert re.search(r'^\[\["requested","flow"\],\["answered","key:key_\w+"\]\]$', said, re.MULTILINE)
