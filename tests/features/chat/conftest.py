import pytest

from features.chat.rooms import ChatRoom


@pytest.fixture
def room(db, turned_clock) -> ChatRoom:
    """The services over both databases."""
    return ChatRoom(db, turned_clock)
