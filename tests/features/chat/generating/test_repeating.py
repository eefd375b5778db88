import pytest

from roundhouse.features.chat.generating.repeating import Unrepeated


@pytest.mark.parametrize(
    ("there", "pieces", "new"),
    [
        ("", ["a", "b"], "ab"),
        ("Pack a ", ["Pack a jacket."], "jacket."),
        ("Pack a ", ["Pa", "ck a", " ", "jacket."], "jacket."),
        ("Pack a ", ["Pack", " it."], "Pack it."),
        ("Pack a ", ["jacket", "."], "jacket."),
        ("Pack a ", ["", "Pack a ", ""], ""),
        ("Pack a ", ["Pack a ", "Pack a "], "Pack a "),
        ("ha ha", ["ha"], "ha"),
        ("你好", ["你", "好", "！"], "！"),
    ],
)
def test_only_the_whole_of_what_was_there_is_left_out(there, pieces, new):
    unrepeated = Unrepeated(there)
    assert "".join(map(unrepeated.feed, pieces)) + unrepeated.end() == new
    assert unrepeated.end() == ""
