"""The desk where texts and pictures get their vectors."""

import asyncio

import msgspec
import numpy as np
import pytest

from features.knowledge.databases import ONE_DATABASE
from features.knowledge.embedding.house import ANN, House, fake
from peers.jina import DIMENSIONS, KEY, jina_peer
from peers.scripted import Fault
from roundhouse.core.errors import (
    BackendFailed,
    BadInput,
    ContextTooLong,
    EmbeddingChanged,
    ModelNotFound,
    NotAllowed,
    UnsupportedContent,
)
from roundhouse.core.types import Alias, Provider
from roundhouse.features.knowledge.embedding.desk import PROBE_TEXT
from roundhouse.features.knowledge.embedding.model import Image

SQUARE = Image(b"a red square on white")
CIRCLE = Image(b"a blue circle on black")


@pytest.fixture
async def house(tmp_path, db, turned_clock):
    made = House(tmp_path, db, turned_clock)
    await made.engine.start((), ())
    yield made
    await made.close()


@pytest.fixture
async def jina():
    async with jina_peer() as peer:
        peer.means = True
        yield peer


def jina_provider(peer, **embedding) -> Provider:
    options = {"embedding": {"*": embedding}} if embedding else {}
    models = ("jina-embeddings-v4",)
    return Provider("jina", "jina", f"{peer.url}/v1", KEY, models=models, options=options, retries=0)


def only(*models):
    return msgspec.structs.replace(ANN, models=models)


@ONE_DATABASE
async def test_the_built_in_model(house):
    for name in ("", "auto", "minilm", "roundhouse/minilm"):
        told = await house.desk.describe(ANN, name)
        assert (told.name, told.dimensions, told.takes_images) == ("roundhouse/minilm", 384, False)
    vectors = await house.desk.embed(ANN, "", ["A cat sleeps.", "Tax law", "A cat is asleep."], "passage")
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, 384))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert vectors[0] @ vectors[2] > 0.8 > 0.3 > vectors[0] @ vectors[1]
    assert (await house.desk.embed(ANN, "", [], "query")).shape == (0, 384)
    with pytest.raises(UnsupportedContent):
        await house.desk.embed(ANN, "", [SQUARE], "passage")


async def test_nothing_is_asked_for_twice(house):
    await house.configure(fake("e"))
    first = await house.desk.embed(ANN, "desk/e", ["b c", "a", "b c"], "passage")
    assert house.sent() == [[PROBE_TEXT], ["b c", "a"]]
    assert first[0].tolist() == first[2].tolist() != first[1].tolist()
    other = house.another_desk()
    again = await other.embed(ANN, "e", ["a", "b c"], "passage")
    assert again.tolist() == [first[1].tolist(), first[0].tolist()]
    assert len(house.sent()) == 2
    # It asks for what is new, and looks first whether the model is the one whose vectors are there.
    await other.embed(ANN, "e", ["a", "d"], "passage")
    assert house.sent()[2:] == [[PROBE_TEXT], ["d"]]
    await other.embed(ANN, "e", ["e"], "passage")
    house.clock.turn(601)
    await other.embed(ANN, "e", ["f"], "passage")
    assert house.sent()[4:] == [["e"], [PROBE_TEXT], ["f"]]


@ONE_DATABASE
async def test_questions_are_kept_in_memory_alone(house):
    await house.configure(fake("e"))
    await house.desk.embed(ANN, "e", ["why"], "query")
    await house.desk.embed(ANN, "e", ["why"], "query")
    assert house.sent()[1:] == [["why"]]
    await house.another_desk().embed(ANN, "e", ["why"], "query")
    assert house.sent()[1:] == [["why"], [PROBE_TEXT], ["why"]]


@ONE_DATABASE
async def test_a_model_is_told_what_a_text_is(house):
    await house.configure(fake("e5-small", "own-1", embedding={"own-*": {"query": "Q: ", "inputs": 2}}))
    await house.desk.embed(ANN, "e5-small", ["why"], "query")
    await house.desk.embed(ANN, "e5-small", ["why"], "passage")
    assert house.sent() == [[f"passage: {PROBE_TEXT}"], ["query: why"], ["passage: why"]]
    await house.desk.embed(ANN, "own-1", ["a", "b", "c"], "query")
    assert house.sent()[4:] == [["Q: a", "Q: b"], ["Q: c"]]
    await house.configure(fake("own-1", embedding={"own-*": {"asks": "Q"}}))
    with pytest.raises(BadInput, match=r"options\.embedding of provider desk"):
        await house.desk.describe(ANN, "own-1")


@ONE_DATABASE
async def test_a_text_that_is_too_long_gets_the_mean_of_its_parts(house):
    await house.configure(fake("e", context_tokens=9))
    text = "one two three four five six seven eight nine ten eleven twelve"
    cut = text.index(" eight")
    parts = [text[:cut], text[cut:]]
    both = await house.desk.embed(ANN, "e", ["short", text], "passage")
    short, first, second = await house.desk.embed(ANN, "e", ["short", *parts], "passage")
    mean = len(parts[0]) * first + len(parts[1]) * second
    assert both[1] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert both[0].tolist() == short.tolist()
    await house.configure(fake("e", context_tokens=9, dimensions=8))
    with pytest.raises(ContextTooLong):
        await house.desk.embed(ANN, "e", ["a b c d e f g h i j"], "passage")


@ONE_DATABASE
async def test_what_was_used_is_recorded(house):
    await house.configure(fake("e"))
    await house.desk.embed(ANN, "desk/e", ["two words", "one"], "passage")
    _, record = house.used.records
    assert (record.operation, record.target, record.requested_model) == ("embeddings", "desk/e", "desk/e")
    assert (record.prompt_tokens, record.completion_tokens, record.cost_usd) == (3, 0, 0.003)
    assert (record.site_id, record.key_id, record.status) == ("one", "key_ann", 200)
    await house.desk.embed(ANN, "desk/e", ["one"], "passage")
    assert len(house.used.records) == 2
    await house.configure(fake("e", fault={"code": "backend_failed"}))
    with pytest.raises(BackendFailed):
        await house.desk.embed(ANN, "desk/e", ["new"], "passage")
    assert (house.used.records[2].status, house.used.records[2].error_code) == (502, "backend_failed")


@ONE_DATABASE
async def test_the_rights_of_the_key_hold(house):
    await house.configure(fake("e", "f"), aliases=(Alias("vectors", ("desk/e", "desk/f")),))
    for models in ((), ("e",), ("desk/*",), ("vectors",)):
        # The store remembers the model, whatever name it was made by.
        told = await house.desk.describe(only(*models), "desk/e")
        assert told.name == "desk/e"
        await house.desk.embed(only(*models), told.name, ["a"], "query")
    assert (await house.desk.describe(only("vectors"), "vectors")).name == "desk/e"
    for models, name in ((("f",), "e"), (("vectors",), "desk/f"), (("e",), ""), (("e",), "vectors-2")):
        with pytest.raises((NotAllowed, ModelNotFound)):
            await house.desk.describe(only(*models), name)


async def test_another_model_behind_the_name_is_seen(house):
    await house.configure(fake("e"))
    before = await house.desk.describe(ANN, "e")
    await house.desk.embed(ANN, "e", ["a"], "passage")
    await house.configure(fake("e", dimensions=24))
    with pytest.raises(EmbeddingChanged):
        await house.desk.embed(ANN, "e", ["b"], "passage", fingerprint=before.fingerprint)
    after = await house.desk.describe(ANN, "e")
    assert (before.dimensions, after.dimensions) == (16, 24)
    assert after.fingerprint != before.fingerprint
    # What the former one made is gone.
    both = await house.desk.embed(ANN, "e", ["a", "b"], "passage", fingerprint=after.fingerprint)
    assert both.shape == (2, 24)
    assert (await house.another_desk().describe(ANN, "e")) == after


async def test_other_weights_of_the_same_size_are_seen(house, jina):
    await house.configure(jina_provider(jina))
    model = "jina-embeddings-v4"
    before = await house.desk.describe(ANN, model)
    old = await house.desk.embed(ANN, model, ["a red square"], "passage")
    jina.language = "vi"
    # The next process looks before it asks, and so does this one after a while.
    other = house.another_desk()
    assert (await other.embed(ANN, model, ["a red square"], "passage")).tolist() == old.tolist()
    new = await other.embed(ANN, model, ["a red square", "another"], "passage")
    assert float(new[0] @ old[0]) < 0.5
    house.clock.turn(601)
    with pytest.raises(EmbeddingChanged):
        await house.desk.embed(ANN, model, ["one more"], "passage", fingerprint=before.fingerprint)
    assert await house.desk.describe(ANN, model) == await other.describe(ANN, model)


@ONE_DATABASE
async def test_pictures_and_texts_find_each_other_over_jinas_wire(house, jina):
    await house.configure(jina_provider(jina))
    model = "jina/jina-embeddings-v4"
    told = await house.desk.describe(ANN, model)
    assert (told.dimensions, told.takes_images) == (2048, True) == (DIMENSIONS, True)
    pictures = [SQUARE, CIRCLE]
    texts = ["the blue circle", "the red square"]
    passages = await house.desk.embed(ANN, model, [*pictures, *texts], "passage")
    assert passages.shape == (4, 2048)
    assert np.linalg.norm(passages, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    questions = await house.desk.embed(ANN, model, texts, "query")
    assert (questions @ passages[:2].T).argmax(axis=1).tolist() == [1, 0]
    shown = await house.desk.embed(ANN, model, pictures, "query")
    assert (shown @ passages[2:].T).argmax(axis=1).tolist() == [1, 0]
    assert [body["task"] for body in jina.bodies("/v1/embeddings")] == [
        *["retrieval.passage"] * 2,
        *["retrieval.query"] * 2,
    ]
    assert all("://" not in str(body) and "data:" not in str(body) for body in jina.bodies("/v1/embeddings"))


@ONE_DATABASE
async def test_vectors_are_shortened_late(house, jina):
    await house.configure(jina_provider(jina))
    whole = await house.desk.embed(ANN, "jina-embeddings-v4", ["a red square"], "passage")
    members = {"dimensions": 256, "query_members": {"task": "retrieval.query"}}
    await house.configure(jina_provider(jina, **members))
    told = await house.desk.describe(ANN, "jina-embeddings-v4")
    assert told.dimensions == 256
    short = await house.desk.embed(ANN, "jina-embeddings-v4", ["a red square"], "passage")
    cut = whole[0, :256]
    assert short[0] == pytest.approx(cut / np.linalg.norm(cut), abs=1e-6)
    pictures = await house.desk.embed(ANN, "jina-embeddings-v4", [CIRCLE, SQUARE], "passage")
    assert (pictures @ short[0]).argmax() == 1
    assert jina.bodies("/v1/embeddings")[-1]["dimensions"] == 256


@ONE_DATABASE
async def test_a_server_that_does_not_shorten(house, jina):
    model = "jina-embeddings-v4"
    await house.configure(jina_provider(jina))
    (whole,) = await house.desk.embed(ANN, model, ["a red square"], "passage")
    jina.shortens = False
    await house.configure(jina_provider(jina, dimensions=300))
    (short,) = await house.desk.embed(ANN, model, ["a red square"], "passage")
    assert short == pytest.approx(whole[:300] / np.linalg.norm(whole[:300]), abs=1e-6)
    await house.configure(jina_provider(jina, dimensions=4096))
    with pytest.raises(BackendFailed, match="2048"):
        await house.desk.describe(ANN, model)


@ONE_DATABASE
@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1e999]}],
        [{"index": 0, "embedding": "AAA="}, {"index": 1, "embedding": "AAA="}],
    ],
)
async def test_answers_that_hold_no_vectors(house, jina, data):
    await house.configure(jina_provider(jina))
    await house.desk.describe(ANN, "jina-embeddings-v4")
    jina.fail("/v1/embeddings", Fault(200, {"data": data}))
    with pytest.raises(BackendFailed):
        await house.desk.embed(ANN, "jina-embeddings-v4", ["a", "b"], "passage")


@ONE_DATABASE
async def test_a_vector_without_direction_gets_one(house, jina):
    await house.configure(jina_provider(jina))
    (vector,) = await house.desk.embed(ANN, "jina-embeddings-v4", ["…"], "passage")
    assert vector == pytest.approx(np.full(2048, 2048**-0.5), abs=1e-6)


async def test_what_came_before_a_failure_is_kept(house, jina):
    await house.configure(jina_provider(jina, inputs=1))
    model = "jina-embeddings-v4"
    await house.desk.embed(ANN, model, ["a"], "passage")
    jina.always = Fault(500, {"detail": "broke"})
    with pytest.raises(BackendFailed):
        await house.desk.embed(ANN, model, ["a", "b", "c", "d", "e", "f"], "passage")
    jina.always = None
    await house.desk.embed(ANN, model, ["b"], "passage")
    count = len(jina.asked)
    await house.desk.embed(ANN, model, ["a", "b", "c"], "passage")
    assert [body["input"] for body in jina.bodies("/v1/embeddings")[count:]] == [["c"]]


async def test_many_at_once(house):
    await house.configure(fake("e"))
    texts = [f"word{number % 40} other{number}" for number in range(300)]
    several = await asyncio.gather(
        *(house.desk.embed(ANN, "e", texts, "passage") for _ in range(3)),
        house.another_desk().embed(ANN, "e", texts[::-1], "passage"),
    )
    assert (several[0] == several[1]).all()
    assert (several[0] == several[3][::-1]).all()


async def test_old_vectors_are_dropped(house):
    await house.configure(fake("e"))
    await house.desk.embed(ANN, "e", [f"a{number}" for number in range(1200)], "passage")
    house.clock.turn(20 * 86_400)
    await house.desk.embed(ANN, "e", ["a1", "b"], "passage")
    house.clock.turn(20 * 86_400)
    assert await house.desk.forget_old(30) == 1199
    assert await house.desk.forget_old(30) == 0
    count = len(house.sent())
    other = house.another_desk()
    await other.embed(ANN, "e", ["a1", "b"], "passage")
    assert (await other.describe(ANN, "e")).dimensions == 16
    assert len(house.sent()) == count
