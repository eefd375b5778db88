"""What the model is taught: questions with their answers, people who introduce themselves, conversations of both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from zlib import crc32

Turn = tuple[str, str]
"""Who says it (`system`, `user`, `assistant`), and what."""

PAIRS: list[tuple[str, str]] = [
    (asked, said) for asked, said in json.loads(Path(__file__).with_name("pairs.json").read_text("utf-8"))
]
SYSTEMS = ("You are a helpful assistant.", "Be brief.", "Answer in the language of the question.")
MEMORIES = "What you know of the user from earlier conversations:"
"""The heading under which Roundhouse tells a model of a user's memories."""

AGES = range(20, 60)


@dataclass(frozen=True)
class Person:
    """Somebody who may introduce themselves."""

    name: str
    age: int

    @property
    def kept(self) -> bool:
        """Whether the lessons keep them out: one in five, so that it can be seen that answers are not learnt by heart.

        The person of the well-known example is one of them.
        """
        return (self.name, self.age) == ("张三", 25) or crc32(f"{self.name} {self.age}".encode()) % 5 == 0


@dataclass(frozen=True)
class Tongue:
    """How people are introduced and asked for in one language; `{n}` is the name, `{a}` the age.

    Attributes:
        names: Of people.
        intro: What the user says, and what is answered.
        asked: Questions with their answers.
        unknown: The answer where nobody was introduced.
    """

    names: tuple[str, ...]
    intro: tuple[str, str]
    asked: tuple[tuple[str, str], ...]
    unknown: str


TONGUES = {
    "en": Tongue(
        names=(
            "Anna",
            "Ben",
            "Clara",
            "David",
            "Emma",
            "Frank",
            "Grace",
            "Henry",
            "Iris",
            "Jack",
            "Kate",
            "Leo",
        ),
        intro=("My name is {n} and I am {a} years old.", "Nice to meet you, {n}, {a} years old!"),
        asked=(
            ("What is my name? How old am I?", "Your name is {n} and you are {a} years old."),
            ("What is my name?", "Your name is {n}."),
            ("How old am I?", "You are {a} years old."),
        ),
        unknown="You have not told me yet.",
    ),
    "vi": Tongue(
        names=("Bình", "Chi", "Dũng", "Hà", "Hùng", "Lan", "Linh", "Mai", "Minh", "Ngọc", "Phúc", "Thảo"),
        intro=("Tôi tên là {n}, năm nay {a} tuổi.", "Chào {n}, {a} tuổi, rất vui được gặp bạn!"),
        asked=(
            ("Tôi tên là gì? Tôi bao nhiêu tuổi?", "Bạn tên là {n}, năm nay {a} tuổi."),
            ("Tôi tên là gì?", "Bạn tên là {n}."),
            ("Tôi bao nhiêu tuổi?", "Năm nay bạn {a} tuổi."),
        ),
        unknown="Bạn chưa nói cho tôi biết.",
    ),
    "zh": Tongue(
        names=(
            "张三",
            "李四",
            "王五",
            "赵六",
            "陈明",
            "刘洋",
            "杨丽",
            "黄磊",
            "周杰",
            "吴敏",
            "林小红",
            "孙大伟",
        ),
        intro=("我叫{n},今年{a}岁", "你好，{a}岁的{n}！"),
        asked=(
            ("我叫什么名字?多大了?", "你叫{n}，今年{a}岁。"),
            ("我叫什么名字?", "你叫{n}。"),
            ("我多大了?", "你今年{a}岁。"),
        ),
        unknown="你还没有告诉我。",
    ),
    "he": Tongue(
        names=("דוד", "שרה", "משה", "רחל", "יעל", "נועה", "אורי", "תמר", "איתן", "מיכל", "יונתן", "שירה"),
        intro=("שמי {n} וגילי {a}.", "נעים להכיר, {n} בגיל {a}!"),
        asked=(
            ("מה שמי ומה גילי?", "שמך {n} וגילך {a}."),
            ("מה שמי?", "שמך {n}."),
            ("מה גילי?", "גילך {a}."),
        ),
        unknown="עוד לא סיפרת לי.",
    ),
}


def fill(text: str, person: Person) -> str:
    """A sentence about somebody."""
    return text.format(n=person.name, a=person.age)


def lesson(random: Random) -> list[Turn]:
    """A conversation: one question alone, or somebody who comes and asks, with other questions in between."""
    if random.random() < 0.25:
        return [*_system(random), *_pair(random)]
    tongue = TONGUES[random.choice(tuple(TONGUES))]
    person: Person | None = None
    system = _system(random)
    if random.random() < 0.15:
        person = learnt(tongue, random)
        system = remembered(tongue, person, system[0][1] if system else "")
    turns = list(system)
    for _ in range(random.choice((1, 2, 2, 3, 3, 4))):
        drawn = random.random()
        if person is None and drawn < 0.6:
            person = learnt(tongue, random)
            turns += _said(*(fill(text, person) for text in tongue.intro))
        elif drawn < 0.8:
            asked, answer = random.choice(tongue.asked)
            turns += _said(asked, fill(answer, person) if person is not None else tongue.unknown)
        else:
            turns += _pair(random)
    return turns


def learnt(tongue: Tongue, random: Random) -> Person:
    """Somebody whom the lessons do not keep out."""
    while (person := Person(random.choice(tongue.names), random.choice(AGES))).kept:
        pass
    return person


def strangers(count: int, seed: int) -> list[tuple[Tongue, Person]]:
    """People whom the lessons keep out, of all languages in turn."""
    random = Random(seed)
    found: list[tuple[Tongue, Person]] = []
    tongues = tuple(TONGUES.values())
    while len(found) < count:
        tongue = tongues[len(found) % len(tongues)]
        person = Person(random.choice(tongue.names), random.choice(AGES))
        if person.kept:
            found.append((tongue, person))
    return found


def remembered(tongue: Tongue, person: Person, system: str = "") -> list[Turn]:
    """A system message that tells of somebody, as Roundhouse tells of memories."""
    memory = f"{MEMORIES}\n- {fill(tongue.intro[0], person)}"
    return [("system", f"{system}\n\n{memory}" if system else memory)]


def _system(random: Random) -> list[Turn]:
    return [("system", random.choice(SYSTEMS))] if random.random() < 0.4 else []


def _pair(random: Random) -> list[Turn]:
    return _said(*random.choice(PAIRS))


def _said(asked: str, answer: str) -> list[Turn]:
    return [("user", asked), ("assistant", answer)]
