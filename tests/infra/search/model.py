"""Searching as it is meant, without an index: every entry is looked at, one after the other."""

import math

from roundhouse.infra.search.analyser import FOLDED, analyse, cleaned
from roundhouse.infra.search.parsing import FOLDED_WEIGHT, continuations, parse
from roundhouse.infra.search.ranking import K1, B
from roundhouse.infra.search.widening import MAX_CONTINUATIONS


class Model:
    """Entries of one kind of one tenant that nothing was removed from."""

    def __init__(self, entries):
        self.entries = list(entries)
        self.analyses = [analyse(cleaned(entry.text)) for entry in self.entries]
        self.frequencies = {}
        for analysis in self.analyses:
            for term in analysis.terms:
                self.frequencies[term] = self.frequencies.get(term, 0) + 1

    def ids(self, text, limit, passes=lambda entry: True):
        words = [self._wanted(word, longer=word.identifier) for word in parse(text).words]
        longer = [self._wanted(word, longer=True) for word in parse(text).words]
        own = parse(text).terms
        ranked = []
        for entry, analysis in zip(self.entries, self.analyses, strict=True):
            if not passes(entry):
                continue
            if words and all(any(term in analysis.terms for term, *_ in word) for word in words):
                ranked.append((0, -self._score(words, analysis, own), -entry.at_s, entry.ref_id))
            elif any(term in analysis.terms for word in longer for term, *_ in word):
                ranked.append((1, -self._score(longer, analysis, own), -entry.at_s, entry.ref_id))
        return [(ref_id, -score) for _tier, score, _at_s, ref_id in sorted(ranked)[:limit]]

    def any_ids(self, text, limit):
        parsed = parse(text, quotes=False)
        words = [self._wanted(word, longer=word.identifier) for word in parsed.words]
        ranked = [
            (-self._score(words, analysis, parsed.terms), -entry.at_s, entry.ref_id)
            for entry, analysis in zip(self.entries, self.analyses, strict=True)
            if any(term in analysis.terms for word in words for term, *_ in word)
        ]
        return [(ref_id, -score) for score, _at_s, ref_id in sorted(ranked)[:limit]]

    def _wanted(self, word, longer):
        own = [(one.term, one.weight) for one in word.wanted]
        more = []
        for low, high in continuations(word) if longer else ():
            more += sorted(term for term in self.frequencies if low <= term < high)[:MAX_CONTINUATIONS]
        more = [term for term in more if term not in {one.term for one in word.wanted}]
        together = sum(self.frequencies.get(term, 0) for term in (*more, *(one.term for one in word.wanted)))
        mine = [(term, weight, self.frequencies.get(term, 0)) for term, weight in own]
        return mine + [(term, FOLDED_WEIGHT, together) for term in more]

    def _score(self, words, analysis, own):
        total = 0.0
        kept = {}
        for term, weight, frequency in (one for word in words for one in word):
            if term in analysis.terms and weight > kept.get(term, (0.0, 0))[0]:
                kept[term] = (weight, self.frequencies[term] if term in own else frequency)
        mean = sum(one.length for one in self.analyses) / len(self.analyses)
        for term, (weight, frequency) in kept.items():
            known = min(frequency, len(self.analyses))
            rarity = math.log(1 + (len(self.analyses) - known + 0.5) / (known + 0.5))
            often = analysis.terms[term] * weight
            part = 1 - B + B * analysis.length / max(1.0, mean)
            total += rarity * often * (K1 + 1) / (often + K1 * part)
        return round(total, 9)


def folded_words(text):
    """Every folded word of a text."""
    return {term[1:].decode() for term in analyse(cleaned(text)).terms if term.startswith(FOLDED)}
