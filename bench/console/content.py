"""What is said: a long answer full of code, and conversations as an export of ChatGPT holds them."""

from __future__ import annotations

import re
from typing import Any

SECTION = """### Step {number}

To go on with step {number} one looks at **the list**, takes `item_{number}` out of it and writes down what was found:

```python
def step_{number}(items: list[str]) -> dict[str, int]:
    found = {{}}
    for place, item in enumerate(items):
        if item.startswith("item_{number}"):
            found[item] = place  # the place counts from 0
    return found
```

| item | place | note |
| ---- | ----- | ---- |
| a{number} | {number} | none |

- first this,
- then that, with $x_{number} = {number}^2$.

"""
TYPED = """  /** Reads entry {number}; null = it is not there. */
  read{number}(at: number, limit = {number}): Entry | null {{
    const found = this.entries.get(`entry-${{at}}`) ?? null;
    if (found === null || found.size > limit) return null;
    return {{ ...found, seen: true, name: "entry {number}", tags: ["a", 'b', `c{number}`] }};
  }}
"""
TYPED_METHODS = 60
"""As many in one listing of about 360 lines; each tenth section has one."""

_TOKEN = re.compile(r"\S+\s*")


def long_answer(tokens: int) -> list[str]:
    """An answer of at least so many tokens; a token is a word, or what stands for one in code, with its blanks."""
    found: list[str] = []
    number = 0
    while len(found) < tokens:
        number += 1
        found += _TOKEN.findall(SECTION.format(number=number))
        if number % 10 == 0:
            found += _TOKEN.findall(_listing(number))
    return found


def _listing(number: int) -> str:
    methods = "\n".join(TYPED.format(number=number * 100 + one) for one in range(TYPED_METHODS))
    return f"```typescript\nexport class Shelf{number} extends Shelf<Entry> {{\n{methods}}}\n```\n\n"


def conversation(number: int, messages: int) -> dict[str, Any]:
    """One of an export of ChatGPT's: questions and answers in turns."""
    at_s = 1_700_000_000.0 + number
    mapping: dict[str, Any] = {"root": {"message": None, "parent": None, "children": []}}
    parent = "root"
    for place in range(messages):
        role, text = ("assistant", SECTION) if place % 2 else ("user", "And what is step {number}?")
        message = {
            "author": {"role": role},
            "create_time": at_s + place / 1000,
            "content": {"content_type": "text", "parts": [text.format(number=place)]},
            "recipient": "all",
            "metadata": {},
        }
        mapping[f"m{place}"] = {"message": message, "parent": parent, "children": []}
        parent = f"m{place}"
    return {
        "title": f"Conversation {number}",
        "create_time": at_s,
        "update_time": at_s,
        "mapping": mapping,
        "current_node": parent,
        "conversation_id": f"c{messages}-{number}",
    }
