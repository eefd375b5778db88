"""The fixed phrases."""

import pytest

from roundhouse.backends.extractive import phrases
from roundhouse.core.language.detection import Language, detect

LANGUAGES: tuple[Language, ...] = ("en", "vi", "zh", "he")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_is_in_its_language(language: Language) -> None:
    for table in (phrases.QUOTED, phrases.SUMMARISED, phrases.NOTHING):
        assert table.keys() == set(LANGUAGES)
        assert detect(table[language]) == language
    assert "`roundhouse models discover`" in phrases.NOTHING[language]
    assert "POST /v1/providers" in phrases.NOTHING[language]
    assert "roundhouse/extractive" in phrases.NOTHING[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_quotes_stand_unchanged_above_the_note(language: Language) -> None:
    for make, note in ((phrases.answer, phrases.QUOTED), (phrases.summary, phrases.SUMMARISED)):
        text = make(['One "x".', "二。"], language)
        assert 'One "x".' in text
        assert "二。" in text
        assert text.endswith("\n\n" + note[language])


def test_all_own_texts_are_told() -> None:
    assert len(set(phrases.own_sentences())) == 12
