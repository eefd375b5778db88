"""Questions whose answers are known: how often the right passage is among the first that a search finds."""

import json
import unicodedata

from roundhouse.infra.search import Query, index, search

AT_S = 1_000.0


def squad(path):
    """The distinct paragraphs of a file in the format of SQuAD, and questions with the place of their paragraph."""
    passages, questions = [], []
    for article in json.loads(path.read_text())["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(asked["question"], len(passages)) for asked in paragraph["qas"]]
            passages.append(paragraph["context"])
    return passages, questions


def bare(question):
    """As somebody types it who has no keys for diacritics."""
    apart = unicodedata.normalize("NFKD", question.casefold().replace("\u0111", "d"))
    return "".join(char for char in apart if not unicodedata.combining(char))


async def write(desk, shelf, passages):
    """Put passages on a shelf, each under its place."""
    entries = [
        desk.entry(
            f"{shelf}:{place:05}", text, kind="passage", shelf=shelf, parent_id=f"d{place % 7}", at_s=AT_S
        )
        for place, text in enumerate(passages)
    ]
    async with desk.db.begin() as tx:
        return await index(tx, entries)


async def ranks(desk, shelf, questions):
    """For each question at which place, from 1, its passage was found; None = not among the first ten."""
    found = []
    for question, place in questions:
        query = Query(question, "passage", shelf=shelf, match="any", limit=10, snippets=False)
        async with desk.db.read() as tx:
            ids = [hit.ref_id for hit in (await search(tx, desk.caller, query)).hits]
        right = f"{shelf}:{place:05}"
        found.append(ids.index(right) + 1 if right in ids else None)
    return found


def recall(found, first):
    """The share of questions whose passage is among so many first ones."""
    return sum(rank is not None and rank <= first for rank in found) / len(found)
