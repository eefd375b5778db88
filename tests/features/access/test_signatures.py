import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roundhouse.core.errors import BadInput, NotAllowed, NotSignedIn
from roundhouse.core.settings import AccessSettings
from roundhouse.features.access.signatures import JwtVerifier, SignedHeaders, sign

SECRET = "the secret of the outer system, 32 bytes"
NOW_S = 1_764_000_000.0
PATH = "/v1/chat/completions"
HEADERS = {
    "x-timestamp": "1764000000",
    "x-site-id": "north",
    "x-user-id": "user-7",
    "x-app-id": "app-2",
    "x-scopes": "inference models:read",
}


def signed(
    path: str = PATH, method: str = "POST", secret: str = SECRET, **changed: str | None
) -> dict[str, str]:
    merged = {**HEADERS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    headers = {name: value for name, value in merged.items() if value is not None}
    return {**headers, "x-signature": sign(secret, method, path, headers)}


def check(
    headers: dict[str, str], method: str = "POST", path: str = PATH, now_s: float = NOW_S, **settings: object
):
    access = AccessSettings.model_validate({"core_secret": SECRET, **settings})
    return SignedHeaders(access).caller(method, path, headers, now_s)


def test_the_documented_example():
    # Made with: printf 'POST\n/v1/chat/completions\n1764000000\nnorth\nuser-7\napp-2\ninference models:read'
    # |            openssl dgst -sha256 -hmac 'the secret of the outer system, 32 bytes'
    assert signed()["x-signature"] == "afd84484fe00c23619791464e215199191a1d790285ed6c98ee1f29f13c5f5d2"


def test_signed_headers_name_the_caller():
    caller = check(signed())
    assert (caller.key_id, caller.site_id, caller.user_id, caller.app_id) == (
        "core",
        "north",
        "user-7",
        "app-2",
    )
    assert caller.scopes == {"inference", "models:read"}
    assert check(signed(x_user_id=None, x_app_id=None, x_scopes=None)).scopes == {"inference", "models:read"}


def test_the_path_may_be_signed_with_or_without_api():
    assert check(signed(path="/api" + PATH), path="/api" + PATH).site_id == "north"
    assert check(signed(path="/api" + PATH), path=PATH).site_id == "north"
    assert check(signed(path=PATH), path="/api" + PATH).site_id == "north"


@pytest.mark.parametrize(
    "changed",
    [
        {"x-site-id": "south"},
        {"x-user-id": "user-8"},
        {"x-app-id": "app-3"},
        {"x-scopes": "inference"},
        {"x-timestamp": "1764000001"},
        {"x-signature": "0" * 64},
        {"x-signature": ""},
        {"x-signature": "ü"},
    ],
)
def test_any_change_breaks_the_signature(changed):
    with pytest.raises(NotSignedIn):
        check({**signed(), **changed})


def test_a_header_cannot_be_taken_away():
    for name in ("x-user-id", "x-app-id", "x-scopes"):
        headers = signed()
        del headers[name]
        with pytest.raises(NotSignedIn):
            check(headers)


def test_method_and_path_are_signed():
    with pytest.raises(NotSignedIn):
        check(signed(), method="GET")
    with pytest.raises(NotSignedIn):
        check(signed(), path="/v1/models")
    with pytest.raises(NotSignedIn):
        check(signed(secret="another secret of 32 bytes......"))


def test_values_cannot_move_between_headers():
    moved = signed(x_user_id="a", x_app_id="b")
    moved["x-user-id"], moved["x-app-id"] = "", "a\nb"
    with pytest.raises(NotSignedIn):
        check(moved)


@pytest.mark.parametrize(
    ("off_s", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_the_time_must_fit(off_s, good):
    if good:
        check(signed(), now_s=NOW_S + off_s)
    else:
        with pytest.raises(NotSignedIn, match="off"):
            check(signed(), now_s=NOW_S + off_s)


@pytest.mark.parametrize("stamp", ["", "abc", "-5", "1e9", "1764000000.5", "9" * 30, "١٧٦٤"])
def test_times_that_are_none(stamp):
    with pytest.raises(NotSignedIn):
        check(signed(x_timestamp=stamp))


def test_scopes_beyond_the_setting_are_refused():
    with pytest.raises(NotAllowed):
        check(signed(x_scopes="admin"))
    assert check(signed(x_scopes="ops,inference"), core_scopes=["ops", "inference"]).scopes == {
        "ops",
        "inference",
    }


def test_what_must_be_there():
    with pytest.raises(NotSignedIn, match="X-Site-Id"):
        check(signed(x_site_id=None))
    with pytest.raises(BadInput):
        check(signed(x_user_id="a\tb"))
    with pytest.raises(NotSignedIn, match="not accepted"):
        check(signed(), core_secret=None)


def test_settings_that_cannot_be_used():
    for broken in ({"core_secret": "short"}, {"core_secret": SECRET, "core_scopes": ["everything"]}):
        with pytest.raises(BadInput):
            SignedHeaders(AccessSettings.model_validate(broken))
    for broken in (
        {"jwt_secret": "short"},
        {"jwt_public_key": "no pem"},
        {"jwt_public_key": pem(weak_rsa())},
    ):
        with pytest.raises(BadInput):
            JwtVerifier(AccessSettings.model_validate(broken))


def weak_rsa():
    return rsa.generate_private_key(65537, 1024)


def pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


CLAIMS = {"site_id": "north", "sub": "user-7", "app_id": "app-2", "exp": int(time.time()) + 86_400}


def token(key=SECRET, algorithm: str = "HS256", **changed: object) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


def verify(text: str, **settings: object):
    return JwtVerifier(AccessSettings.model_validate({"jwt_secret": SECRET, **settings})).caller(text)


def test_a_token_names_the_caller():
    caller = verify(token(scopes=["inference", "admin"]))
    assert (caller.key_id, caller.site_id, caller.user_id, caller.app_id) == (
        "jwt",
        "north",
        "user-7",
        "app-2",
    )
    assert caller.scopes == {"inference"}
    assert caller.expires_at_s == CLAIMS["exp"]
    assert verify(token(scope="models:read openid")).scopes == {"models:read"}
    assert verify(token()).scopes == {"inference", "models:read"}
    assert verify(token(user_id=12)).user_id == "12"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_public_keys(key, algorithm):
    public = pem(key)
    assert verify(token(key, algorithm), jwt_public_key=public, jwt_secret=None).site_id == "north"
    with pytest.raises(NotSignedIn):
        verify(token(), jwt_public_key=public, jwt_secret=None)


def test_a_token_cannot_choose_its_algorithm():
    key = rsa.generate_private_key(65537, 2048)
    with pytest.raises(NotSignedIn):
        verify(jwt.encode(CLAIMS, "", algorithm="none"))
    with pytest.raises(NotSignedIn):
        verify(token(key, "PS256"), jwt_public_key=pem(key))
    with pytest.raises(NotSignedIn):
        verify(token(SECRET * 2, "HS512"), jwt_secret=SECRET * 2)
    # The old confusion: the public key, which anybody has, taken as an HMAC secret.
    forged = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    parts = token().split(".")[:2]
    text = ".".join(parts).encode()
    forged_token = b".".join(
        [text, jwt.utils.base64url_encode(forged.sign(text, pem(key).encode()))]
    ).decode()
    with pytest.raises(NotSignedIn):
        verify(forged_token, jwt_public_key=pem(key), jwt_secret=None)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"nbf": int(time.time()) + 86_400},
        {"site_id": None},
        {"site_id": {"a": 1}},
        {"scopes": 7},
        {"scopes": [7]},
    ],
)
def test_claims_that_are_not_good(changed):
    with pytest.raises(NotSignedIn):
        verify(token(**changed))


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b", "..", token()[:-3] + "xxx", token(SECRET + "x")])
def test_texts_that_are_no_good_token(text):
    with pytest.raises(NotSignedIn):
        verify(text)


def test_issuer_and_audience():
    settings = {"jwt_issuer": "core", "jwt_audience": "roundhouse"}
    assert verify(token(iss="core", aud="roundhouse"), **settings).site_id == "north"
    for changed in (
        {},
        {"iss": "core"},
        {"iss": "other", "aud": "roundhouse"},
        {"iss": "core", "aud": "other"},
    ):
        with pytest.raises(NotSignedIn):
            verify(token(**changed), **settings)


def test_nothing_configured():
    assert not JwtVerifier(AccessSettings()).configured
