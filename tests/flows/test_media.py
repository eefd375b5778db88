"""Pictures, sound and video in requests: what is fetched, what is passed on, and what is never called."""

import asyncio
import base64
import json

import pytest
import pytest_asyncio

from peers import scripts
from peers.upstream import Upstream
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
DATA = "data:image/png;base64," + base64.b64encode(PNG).decode()
WAV = base64.b64encode(b"RIFF....WAVE").decode()


class Names:
    """A name server: `rebinding.test` is public at the first question and this machine at the next."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host == "rebinding.test":
            return ["2000::1"] if self.asked.count(host) == 1 else ["127.0.0.1"]
        if host == "mixed.test":
            return ["8.8.8.8", "10.0.0.1"]
        if host == "inside.test":
            return ["10.0.0.1"]
        if host == "pictures.test":
            return ["127.0.0.1"]
        raise OSError("not known")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pictures():
    """Somebody's web server."""
    async with Upstream() as server:
        server.paths["/a.png"] = scripts.body_answer(PNG, Content_Type="image/png")
        server.paths["/a.wav"] = scripts.body_answer(b"RIFF", Content_Type="audio/wav")
        server.paths["/a.mp4"] = scripts.body_answer(b"mp4", Content_Type="video/mp4; codecs=x")
        server.paths["/page"] = scripts.html_answer()
        server.paths["/huge.png"] = scripts.body_answer(b"x" * 300_000, Content_Type="image/png")
        server.paths["/away"] = scripts.redirect("http://10.0.0.1/a.png")
        server.paths["/metadata"] = scripts.redirect("http://169.254.169.254/latest/meta-data/")
        server.paths["/file"] = scripts.redirect("file:///etc/passwd")
        server.paths["/gone"] = scripts.error_answer(404)
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inside():
    """A server of the inner network that nobody outside may make us call."""
    async with Upstream(scripts.body_answer(PNG, Content_Type="image/png")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model():
    """A model server that takes anything."""
    async with Upstream() as upstream:
        upstream.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
        upstream.paths["/chat/completions"] = scripts.json_answer(scripts.completion())
        embedding = {"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}
        upstream.paths["/embeddings"] = scripts.json_answer({"object": "list", "data": [embedding]})
        upstream.paths["/rerank"] = scripts.json_answer({"results": [{"index": 0, "relevance_score": 0.5}]})
        listed = {"name": "m", "model": "m", "size": 1_000_000}
        upstream.paths["/api/tags"] = scripts.json_answer({"models": [listed]})
        upstream.paths["/api/ps"] = scripts.json_answer({"models": []})
        upstream.paths["/api/show"] = scripts.json_answer({"capabilities": ["completion", "vision"]})
        upstream.paths["/api/generate"] = scripts.json_answer({"done": True})
        yield upstream


def providers(model: Upstream) -> list[dict[str, object]]:
    common = {"key": "sk-provider", "models": ["m"], "retries": 0}
    return [
        {"name": "up", "kind": "openai", "url": model.url, **common},
        {"name": "ollama", "kind": "ollama", "url": model.origin, **common},
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory, model):
    """The product with no private network allowed."""
    folder = tmp_path_factory.mktemp("closed") / "data"
    async with House(folder, providers=providers(model), lookup=Names()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def friendly(tmp_path_factory, model):
    """The product that may fetch from this machine, as if it were public."""
    outbound = {"allow_networks": ["127.0.0.1/32"], "media_max_bytes": 200_000, "media_timeout_s": 2.0}
    folder = tmp_path_factory.mktemp("friendly") / "data"
    async with House(folder, providers=providers(model), lookup=Names(), outbound=outbound) as running:
        yield running


@pytest.fixture(autouse=True)
def forgotten(pictures, inside, model):
    """What earlier tests asked for."""
    for server in (pictures, inside, model):
        server.requests.clear()
        server.left.clear()


def messages(*parts):
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}]


def image(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


async def see(house, *parts, model="up/m", **more):
    return await house.post("/v1/chat/completions", {"model": model, "messages": messages(*parts), **more})


def sent(model: Upstream, path: str = "/chat/completions"):
    """What the model server was asked, `path` last."""
    return [request for request in model.requests if request.path.endswith(path)]


FORBIDDEN = {
    "this machine": "http://127.0.0.1:{port}/a.png",
    "this machine by name": "http://pictures.test:{port}/a.png",
    "this machine as one number": "http://2130706433:{port}/a.png",
    "in octal": "http://0177.0.0.1:{port}/a.png",
    "in hexadecimal": "http://0x7f.0.0.1:{port}/a.png",
    "short": "http://127.1:{port}/a.png",
    "in wide digits": "http://１２７.0.0.1:{port}/a.png",
    "in IPv6": "http://[::1]:{port}/a.png",
    "mapped into IPv6": "http://[::ffff:127.0.0.1]:{port}/a.png",
    "any address": "http://0.0.0.0:{port}/a.png",
    "inner network": "http://10.0.0.1/a.png",
    "inner network by name": "http://inside.test/a.png",
    "partly inner": "http://mixed.test/a.png",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata of Alibaba": "http://100.100.100.200/latest/",
    "metadata in IPv6": "http://[fd00:ec2::254]/",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1/a.png",
    "gopher": "gopher://127.0.0.1:{port}/_GET",
    "javascript": "javascript:alert(1)",
    "no scheme": "//127.0.0.1:{port}/a.png",
    "a path": "/etc/passwd",
    "user information": "http://pictures.test@127.0.0.1:{port}/a.png",
    "backslash": "http://pictures.test\\@127.0.0.1:{port}/a.png",
    "line break": "http://127.0.0.1:{port}/a.png\r\nX-A: b",
    "blank before": " http://127.0.0.1:{port}/a.png",
    "nothing": "",
}


@pytest.mark.parametrize("kind", FORBIDDEN)
async def test_private_places_are_never_called(house, model, inside, kind):
    url = FORBIDDEN[kind].format(port=inside.origin.rpartition(":")[2])
    answers = [
        await see(house, image(url)),
        await see(house, {"type": "image_url", "image_url": url}),
        await see(house, {"type": "video_url", "video_url": {"url": url}}),
        await see(house, {"type": "audio_url", "audio_url": {"url": url}}),
        await see(house, image(DATA), image(url), model="auto"),
    ]
    if url:
        content = [{"type": "input_image", "image_url": url}]
        body = {"model": "up/m", "input": [{"role": "user", "content": content}]}
        answers.append(await house.post("/v1/responses", body))
    for answer in answers:
        assert answer.status == 400
        assert answer.code in ("address_refused", "bad_input")
        assert "10.0.0.1" not in answer.json()["detail"]
    assert inside.requests == []
    assert sent(model) == []


HIDDEN = [
    rb'{"\u0074ype":"image_url","image\u005furl":{"url":"%s"}}',
    rb'{"type":"image_url","image_url":{"\u0075rl":"%s"}}',
    rb'{"type":"image_url","image_url":{"url":"data:,","url":"%s"}}',
    rb'{"type":"text","image_url":{"url":"%s"}}',
    rb'{"image_url":"%s"}',
    rb'{"type":"wrapped","parts":[{"deeper":[{"image_url":{"url":"%s"}}]}]}',
    rb'{"type":"image_url","image_url":{"url":"\u0068ttp\u003a%s"}}',
]


@pytest.mark.parametrize("part", HIDDEN, ids=range(len(HIDDEN)))
async def test_a_url_cannot_be_hidden(house, model, inside, part):
    url = f"{inside.origin}/a.png".encode()
    part = part % (url if b"003a" not in part else url.removeprefix(b"http:"))
    body = b'{"model":"up/m","messages":[{"role":"user","content":[%b]}]}' % part
    answer = await house.post("/v1/chat/completions", data=body)
    assert (answer.status, answer.code) == (400, "address_refused")
    assert inside.requests == []
    assert sent(model) == []


async def test_a_name_that_changes_gains_nothing(house, model, inside):
    """What was judged is what is dialled; between a judgement and a dial there is no second question."""
    port = inside.origin.rpartition(":")[2]
    url = f"http://rebinding.test:{port}/a.png"
    for _ in range(3):
        async with asyncio.timeout(30):
            answer = await see(house, image(url))
        assert answer.status == 400
    assert inside.requests == []
    assert sent(model) == []


@pytest.mark.parametrize("path", ["/away", "/metadata", "/file"])
async def test_a_redirect_is_judged_like_the_first_address(friendly, model, pictures, path):
    answer = await see(friendly, image(f"{pictures.origin}{path}"))
    assert (answer.status, answer.code) == (400, "address_refused" if path != "/file" else answer.code)
    assert sent(model) == []


async def test_a_public_picture_is_fetched_here_and_passed_on_as_data(friendly, model, pictures):
    for url in (
        f"{pictures.origin}/a.png",
        f"http://pictures.test:{pictures.origin.rpartition(':')[2]}/a.png?size=1",
    ):
        answer = await see(friendly, image(url, detail="low"))
        assert answer.status == 200, answer.body
        asked = sent(model)[-1]
        assert asked.json()["messages"] == messages(image(DATA, detail="low"))
        fetched = pictures.requests[-1]
        assert fetched.method == "GET"
        assert not {"authorization", "cookie", "x-api-key"} & fetched.headers.keys()
        assert friendly.key not in str(fetched.headers)
        assert "sk-provider" not in str(fetched.headers)
        told = await friendly.post(
            "/v1/responses",
            {
                "model": "up/m",
                "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}],
            },
        )
        assert told.status == 200
        assert DATA in sent(model)[-1].body.decode()


async def test_sound_and_video_pass_where_they_are_taken(friendly, model, pictures):
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    video = {"type": "video_url", "video_url": {"url": f"{pictures.origin}/a.mp4"}}
    loud = {"type": "audio_url", "audio_url": {"url": f"{pictures.origin}/a.wav"}}
    inline = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
    answer = await see(friendly, sound, video, loud, inline, image(DATA))
    assert answer.status == 200, answer.body
    passed = sent(model)[-1].json()["messages"][0]["content"][1:]
    assert passed == [
        sound,
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,bXA0"}},
        {"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,UklGRg=="}},
        inline,
        image(DATA),
    ]


@pytest.mark.parametrize("name", ["ollama/m", "roundhouse/extractive"])
async def test_what_a_model_cannot_take_is_told(friendly, model, name):
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    video = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
    for part in (sound, video):
        for stream in (False, True):
            answer = await see(friendly, part, model=name, stream=stream)
            assert (answer.status, answer.code) == (422, "unsupported_content"), answer.body
    if name.startswith("roundhouse"):
        answer = await see(friendly, image(DATA), model=name)
        assert (answer.status, answer.code) == (422, "unsupported_content")


async def test_pictures_for_embeddings_in_jinas_form(friendly, house, model, pictures, inside):
    body = {
        "model": "up/m",
        "input": [{"image": f"{pictures.origin}/a.png"}, {"text": "a: cat"}, {"image": DATA}],
    }
    answer = await friendly.post("/v1/embeddings", body)
    assert answer.status == 200, answer.body
    asked = sent(model, "/embeddings")[-1].json()
    assert asked["input"] == [{"image": DATA}, {"text": "a: cat"}, {"image": DATA}]
    bare = base64.b64encode(PNG).decode()
    await friendly.post("/v1/embeddings", {"model": "up/m", "input": {"image": bare}})
    assert sent(model, "/embeddings")[-1].json()["input"] == {"image": bare}
    before = len(sent(model, "/embeddings")) + len(sent(model, "/rerank"))
    url = f"{inside.origin}/a.png"
    hidden = json.dumps({"model": "up/m", "input": [{"image": url}]}).replace('"image"', '"im\\u0061ge"')
    answers = [
        await house.post("/v1/embeddings", data=hidden.encode()),
        await house.post("/v1/embeddings", {"model": "up/m", "input": {"image": url}}),
        await house.post("/v1/embeddings", {"model": "up/m", "input": [{"image": " " * 200 + url}]}),
        await house.post("/v1/embeddings", {"model": "up/m", "input": "x", "messages": messages(image(url))}),
        await house.post("/v1/rerank", {"model": "up/m", "query": {"image": url}, "documents": ["a"]}),
        await house.post("/v1/rerank", {"model": "up/m", "query": "a", "documents": [{"image": url}]}),
        await house.post(
            "/v1/rerank", {"model": "up/m", "query": "a", "documents": [{"content": [image(url)]}]}
        ),
    ]
    for answer in answers:
        assert (answer.status, answer.code) == (400, "address_refused")
    assert inside.requests == []
    assert len(sent(model, "/embeddings")) + len(sent(model, "/rerank")) == before


async def test_what_is_no_picture_or_too_large_is_told(friendly, model, pictures):
    for path, status, code in (
        ("/page", 415, "unsupported_media_type"),
        ("/a.wav", 415, "unsupported_media_type"),
        ("/huge.png", 413, "too_large"),
        ("/gone", 400, "bad_input"),
    ):
        answer = await see(friendly, image(f"{pictures.origin}{path}"))
        assert (answer.status, answer.code) == (status, code)
    unknown = await see(friendly, image("http://unknown.test/a.png"))
    assert (unknown.status, unknown.code) == (400, "bad_input")
    assert sent(model) == []


async def test_many_pictures_are_bounded(tmp_path, model, pictures):
    """In number, and in all their bytes together, as if the client had sent them itself."""
    outbound = {"allow_networks": ["127.0.0.1/32"]}
    server = {"max_body_bytes": 700_000}
    folder = tmp_path / "data"
    async with House(folder, providers=providers(model), outbound=outbound, server=server) as house:
        many = await see(house, *[image(f"{pictures.origin}/a.png")] * 51)
        assert (many.status, many.code) == (400, "bad_input")
        assert pictures.requests == []
        large = await see(house, *[image(f"{pictures.origin}/huge.png")] * 3)
        assert (large.status, large.code) == (413, "too_large")
        assert (await see(house, *[image(f"{pictures.origin}/huge.png")] * 2)).status == 200
        assert (await see(house, *[image(f"{pictures.origin}/a.png")] * 50)).status == 200


async def test_nothing_is_fetched_for_who_may_not_ask(friendly, model, pictures):
    made = await friendly.post("/v1/keys", {"name": "x", "requests_per_minute": 1})
    key = made.json()["key"]
    body = {"model": "up/m", "messages": messages(image(f"{pictures.origin}/a.png"))}
    assert (await friendly.post("/v1/chat/completions", body, key=key)).status == 200
    fetched = len(pictures.requests)
    assert (await friendly.post("/v1/chat/completions", body, key=key)).status == 429
    assert (await friendly.post("/v1/chat/completions", body, key="")).status == 401
    assert len(pictures.requests) == fetched


async def test_a_client_that_leaves_ends_the_fetching(friendly, model, pictures):
    begun = asyncio.Event()

    async def hang(exchange):
        begun.set()
        await exchange.gone()

    pictures.paths["/slow.png"] = hang
    asking = asyncio.create_task(see(friendly, image(f"{pictures.origin}/slow.png")))
    await asyncio.wait_for(begun.wait(), 10)
    asking.cancel()
    assert await pictures.client_left(within_s=1.5)
    assert sent(model) == []


async def test_numbers_beside_a_picture_stay_what_they_were(friendly, model, pictures):
    part = b'{"type":"image_url","image_url":{"url":"%b/a.png"}}' % pictures.origin.encode()
    for number, status in ((b"12345678901234567890", 200), (b"1e2", 200), (b"9" * 400, 400)):
        body = b'{"model":"up/m","messages":[{"role":"user","content":[%b],"weight":%b}]}' % (part, number)
        answer = await friendly.post("/v1/chat/completions", data=body)
        assert answer.status in (status, 200), answer.body
        if answer.status == 200:
            passed = json.loads(sent(model)[-1].body)["messages"][0]["weight"]
            assert passed == json.loads(number)
