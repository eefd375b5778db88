import pytest

from roundhouse.core.errors import BadInput
from roundhouse.features.chat.context.settings import ContextSettings, read_settings


def test_nothing_said_means_the_defaults():
    assert read_settings({}) == ContextSettings()


def test_what_is_said_holds():
    settings = read_settings(
        {"strategy": "last", "last_messages": 4, "facts": ["It rains."], "max_tokens": 500}
    )
    assert settings == ContextSettings(strategy="last", last_messages=4, facts=("It rains.",), max_tokens=500)


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({"strategy": "all"}, "strategy"),
        ({"last_messages": 0}, "last_messages"),
        ({"last_messages": True}, "last_messages"),
        ({"max_tokens": 1}, "max_tokens"),
        ({"facts": ["x" * 2001]}, "facts"),
        ({"facts": ["x"] * 51}, "facts"),
        ({"facts": "x"}, "facts"),
        ({"color": "red"}, "color"),
    ],
)
def test_what_is_wrong_is_named(context, named):
    with pytest.raises(BadInput, match=named) as caught:
        read_settings(context)
    assert caught.value.param == "context"
