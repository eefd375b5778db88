"""What a command says when the server refuses."""

from typing import Any

import pytest

from roundhouse.cli.exits import FAILED, USAGE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["keys", "create", "x", "--expires-in", "soon"], USAGE),
        (["keys", "create", "x", "--scope", "nonsense"], FAILED),
        (["keys", "rotate", "key_absent"], FAILED),
        (["keys", "revoke", "key_absent/../x?"], FAILED),
        (["models", "load", "absent"], FAILED),
        (["models", "pull", "absent/model"], FAILED),
        (["models", "recommend", "--task", "nonsense"], FAILED),
        (["jobs", "show", "job_absent"], FAILED),
        (["jobs", "show", "job_absent", "--follow"], FAILED),
        (["jobs", "cancel", "job_absent/../x?"], FAILED),
        (["jobs", "retry", "job_absent"], FAILED),
        (["jobs", "ls", "--state", "nonsense"], FAILED),
        (["providers", "test", "absent"], FAILED),
        (["providers", "add", "x", "--kind", "nonsense", "--address", "http://x"], FAILED),
        (["providers", "add", "x", "--kind=ollama", "--address=http://x", "--option", "nonsense"], USAGE),
        (["aliases", "rm", "absent"], FAILED),
        (["usage", "--group-by", "nonsense"], FAILED),
    ],
)
def test_what_fails_says_why_and_prints_no_data(ask: Any, words: list[str], code: int) -> None:
    result = ask(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ")
