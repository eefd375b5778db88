import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.backends.vectors.bits import Bits
from roundhouse.backends.vectors.matrix import EXACT_ROWS, Block, Matrix, best, bytes_of
from roundhouse.core.vectors import Match, VectorQuery, key_of

DIMENSIONS = 3


def clustered(rows: int, dimensions: int, *, clusters: int, offset: float, seed: int) -> np.ndarray:
    """Vectors around centres, all of them off the origin as those of many models are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dimensions), dtype=np.float32)
    around = random.standard_normal((rows, dimensions), dtype=np.float32)
    vectors = centres[random.integers(0, clusters, rows)] + np.float32(0.7) * around + np.float32(offset)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def block(document: int, keys: list[int], vectors: np.ndarray) -> Block:
    return Block(document, np.array(keys, np.int64), np.asarray(vectors, np.float32))


def gone(document: int, dimensions: int = DIMENSIONS) -> Block:
    return block(document, [], np.empty((0, dimensions)))


def matrix_of(vectors: np.ndarray, per_passage: int = 1, per_document: int = 100) -> Matrix:
    rows = range(len(vectors))
    keys = [key_of(row // per_passage, row % per_passage) for row in rows]
    blocks = [
        block(
            start // per_document, keys[start : start + per_document], vectors[start : start + per_document]
        )
        for start in range(0, len(vectors), per_document)
    ]
    return Matrix.empty(vectors.shape[1], len(vectors)).extended(blocks, 1).indexed()


def recall(matrix: Matrix, vectors: np.ndarray, *, seed: int, **query) -> float:
    """Of passages near which a question was asked; against looking at every row."""
    random = np.random.default_rng(seed)
    hits = wanted = 0
    for row in random.integers(0, len(vectors), 40):
        asked = vectors[row] + np.float32(0.02) * random.standard_normal(vectors.shape[1], dtype=np.float32)
        found = {match.passage for match in matrix.search(asked, VectorQuery(**query))}
        exact = {match.passage for match in matrix.search(asked, VectorQuery(**query, exact=True))}
        assert len(found) == len(exact)
        hits += len(found & exact)
        wanted += len(exact)
    return hits / wanted


@pytest.mark.parametrize(
    ("dimensions", "offset", "limit"), [(384, 0.0, 10), (384, 1.0, 10), (384, 0.3, 50), (200, 0.0, 10)]
)
def test_the_prefilter_finds_nearly_all_of_the_nearest(dimensions, offset, limit):
    vectors = clustered(12_000, dimensions, clusters=12_000 // (3 * limit), offset=offset, seed=1)
    matrix = matrix_of(vectors, per_passage=2)
    assert recall(matrix, vectors, seed=2, limit=limit) >= 0.99


def test_the_prefilter_within_some_documents():
    vectors = clustered(12_000, 384, clusters=450, offset=0.2, seed=3)
    matrix = matrix_of(vectors)
    many, few = frozenset(range(0, 120, 2)), frozenset({3, 77})
    assert recall(matrix, vectors, seed=4, limit=10, only=many) >= 0.99
    assert recall(matrix, vectors, seed=5, limit=10, only=few, hidden=frozenset({3})) == 1.0
    found = matrix.search(vectors[0], VectorQuery(20, only=many, hidden=frozenset({0})))
    assert {match.passage // 100 for match in found} <= many - {0}


def test_where_the_bits_tell_nothing_apart_all_rows_are_looked_at():
    vectors = np.tile(clustered(1, 384, clusters=1, offset=0.0, seed=6), (EXACT_ROWS + 100, 1))
    matrix = matrix_of(vectors)
    found = matrix.search(vectors[0], VectorQuery(5))
    assert [match.passage for match in found] == [0, 1, 2, 3, 4]


def test_a_crowd_of_one_passage_leaves_room_for_others_behind_the_prefilter():
    vectors = clustered(EXACT_ROWS + 1000, 384, clusters=EXACT_ROWS, offset=0.0, seed=6)
    vectors[:1000] = vectors[0]
    keys = [key_of(1, place) for place in range(1000)] + [key_of(2 + row, 0) for row in range(EXACT_ROWS)]
    matrix = Matrix.empty(384, len(keys)).extended([block(1, keys, vectors)], 1).indexed()
    found = matrix.search(vectors[0], VectorQuery(20))
    assert len(found) == 20
    assert found[0] == Match(1, pytest.approx(1.0))


def test_a_matrix_that_is_searched_never_changes():
    vectors = clustered(6000, 8, clusters=50, offset=0.0, seed=7)
    first = matrix_of(vectors[:5000])
    asked = VectorQuery(10)
    before = first.search(vectors[0], asked)
    second = first.extended([gone(0, 8), block(900, [key_of(900_000, 0)], vectors[:1])], 2).indexed()
    third = second.extended(
        [block(901, [key_of(p, 1) for p in range(5000, 6000)], vectors[5000:])], 3
    ).indexed()
    assert first.search(vectors[0], asked) == before
    assert second.search(vectors[0], asked)[0].passage == 900_000
    assert third.rows == 5000 - 100 + 1 + 1000
    assert (first.seen, second.seen, third.seen) == (1, 2, 3)


def test_what_is_gone_makes_room():
    vectors = clustered(20_000, 128, clusters=500, offset=0.0, seed=8)
    matrix = matrix_of(vectors)
    assert bytes_of(20_000, 128) == matrix.held_bytes
    less = matrix.extended([gone(document, 128) for document in range(150)], 2)
    one = less.extended([block(900, [key_of(900_000, 0)], vectors[:1])], 3).indexed()
    assert one.rows == 5001
    assert one.held_bytes < matrix.held_bytes / 2
    assert one.search(vectors[0], VectorQuery(1))[0].passage == 900_000
    assert recall(one, vectors[15_000:], seed=9, limit=5) >= 0.99


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=6, unique=True),
        ),
        max_size=12,
    ),
    st.none() | st.frozensets(st.integers(0, 3)),
    st.frozensets(st.integers(0, 3)),
)
def test_any_changes_in_any_order(changes, only, hidden):
    random = np.random.default_rng(len(changes))
    matrix, model = Matrix.empty(DIMENSIONS, 0), {}
    for seen, (document, chunks) in enumerate(changes):
        keys = sorted(key_of(10 * document + passage, place) for passage, place in chunks)
        vectors = random.standard_normal((len(keys), DIMENSIONS)).astype(np.float32)
        matrix = matrix.extended([block(document, keys, vectors) if keys else gone(document)], seen).indexed()
        if not keys:
            model = {key: one for key, one in model.items() if one[0] != document}
        model |= {key: (document, vector) for key, vector in zip(keys, vectors, strict=True)}
    assert matrix.rows == len(model)
    asked = np.float32([1, 0, 0])
    found: dict[int, float] = {}
    for key, (document, vector) in model.items():
        if document not in hidden and (only is None or document in only):
            found[key // 1000] = max(found.get(key // 1000, -9.0), float(vector[0]))
    wanted = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:4]
    # These vectors are not of length 1, so similarities beyond it are cut off, and only there the order is lost.
    matches = matrix.search(asked, VectorQuery(4, only, hidden))
    assert [match.passage for match in matches] == [passage for passage, _ in wanted]


def test_a_vector_that_is_no_number_is_never_found():
    keys, nothing = np.array([key_of(1, 0), key_of(2, 0)], np.int64), np.float32([np.nan, 0.5])
    assert best(keys, nothing, 5) == [Match(2, 0.5)]


@pytest.mark.parametrize(("rows", "clusters"), [(10_000, 5000), (10_000, 10_000), (20_000, 2000)])
def test_the_prefilter_finds_neighbours_that_hardly_stand_out(rows, clusters):
    vectors = clustered(rows, 256, clusters=clusters, offset=0.3, seed=10)
    assert recall(matrix_of(vectors), vectors, seed=11, limit=10) >= 0.99


def test_bits_that_depend_on_each_other_are_trusted_less():
    random = np.random.default_rng(12)
    alike = np.repeat(random.standard_normal((2000, 32), dtype=np.float32), 8, axis=1)
    free = random.standard_normal((2000, 256), dtype=np.float32)
    dependent, independent = (Bits.measured(vectors, 2000).spread for vectors in (alike, free))
    assert independent == pytest.approx(1.0, abs=0.05)
    assert dependent > 1.8


def test_rows_that_come_and_go_within_one_change():
    random = np.random.default_rng(13)
    vectors = random.standard_normal((6, DIMENSIONS)).astype(np.float32)
    changes = [
        block(1, [0, 1000], vectors[:2]),
        block(1, [2000], vectors[2:3]),
        block(1, [1000, 1001], vectors[3:5]),
        gone(1),
        block(1, [1000], vectors[5:]),
    ]
    matrix = Matrix.empty(DIMENSIONS, 2).extended(changes[:3], 1)
    assert matrix.rows == 4
    after = matrix.extended(changes[3:], 2)
    assert after.rows == 1
    assert [match.passage for match in after.search(vectors[5], VectorQuery(5))] == [1]
