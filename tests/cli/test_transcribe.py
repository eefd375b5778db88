"""`roundhouse transcribe` against a running server, which has no weights: what it says, and what it never does."""

from pathlib import Path

CLIPS = Path(__file__).parents[1] / "audio_clips"


def test_without_weights_it_says_the_command(ask):
    result = ask("transcribe", str(CLIPS / "monday.ogg"), "--recogniser", "whisper")
    assert result.exit_code == 1
    assert "weights_missing" in result.stderr
    assert "roundhouse models pull whisper/small" in result.stderr


def test_silence_becomes_an_empty_text_and_a_warning(ask):
    result = ask("transcribe", str(CLIPS / "silence.ogg"))
    assert (result.exit_code, result.stdout.strip()) == (0, "")
    assert "Nobody speaks" in result.stderr


def test_several_go_on_when_one_fails(ask, place):
    (place / "note.txt").write_text("no sound at all")
    result = ask("transcribe", "note.txt", str(CLIPS / "silence.ogg"), "--format", "docx", "--out", "made")
    assert result.exit_code == 1
    assert "note.txt" in result.stderr and "unsupported_media_type" in result.stderr
    assert (place / "made" / "silence.docx").read_bytes()[:2] == b"PK"


def test_a_word_file_needs_a_folder(ask):
    result = ask("transcribe", str(CLIPS / "silence.ogg"), "--format", "docx")
    assert result.exit_code == 2
    assert "--out" in result.stderr
