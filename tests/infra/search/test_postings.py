"""Rows of postings, packed and put together."""

from hypothesis import given
from hypothesis import strategies as st

from roundhouse.infra.search.postings import TIMES, Document, filter_term, put_together, rows_of, unpack

TERMS = [b"wa", b"wb", b"ea", filter_term("tag", "x")]

documents = st.lists(
    st.dictionaries(st.sampled_from(TERMS), st.integers(1, 250)), min_size=1, max_size=12
).map(lambda all_terms: [Document(7 * n + 3, n + 1, float(n), terms) for n, terms in enumerate(all_terms)])


def read(rows):
    found = {}
    for row in rows:
        columns = unpack(row.term[:1], [(row.first, row.size, row.data)])
        assert (row.first, row.last, row.size) == (
            columns.numbers[0],
            columns.numbers[-1],
            len(columns.numbers),
        )
        for place, number in enumerate(columns.numbers.tolist()):
            found[row.term, number] = tuple(
                int(column[place]) for column in (columns.counts, columns.lengths)
            )
    return found


def held(some):
    """Of words only: filters tell nothing but that they are there."""
    return {
        (term, one.number): (often, one.length)
        for one in some
        for term, often in one.terms.items()
        if term[:1] in b"we"
    }


@given(documents)
def test_rows_hold_what_documents_say_in_the_order_of_terms(some):
    rows = rows_of(some)
    assert rows == sorted(rows)
    words = [row for row in rows if row.term[:1] in b"we"]
    assert read(words) == held(some)
    tagged = [row for row in rows if row.term == filter_term("tag", "x")]
    assert sum(row.size for row in tagged) == sum(filter_term("tag", "x") in one.terms for one in some)
    times = [row for row in rows if row.term == TIMES]
    assert unpack(TIMES, [(row.first, row.size, row.data) for row in times]).times.tolist() == [
        one.at_s for one in some
    ]


@given(documents, st.data())
def test_rows_put_together_hold_the_same_whichever_writers_took_turns(some, data):
    writers = [data.draw(st.integers(0, 2)) for _ in some]
    of_each = [
        rows_of([one for one, writer in zip(some, writers, strict=True) if writer == mine])
        for mine in set(writers)
    ]
    rows = sorted(row for rows in of_each for row in rows if row.term[:1] in b"we")
    groups = [[row for row in rows if row.term == term] for term in sorted({row.term for row in rows})]
    together = put_together(groups) if groups else []
    assert len(together) == len(groups)
    assert read(together) == held(some)
