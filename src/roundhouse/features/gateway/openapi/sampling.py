"""Members that chat completions, completions and responses share."""

from __future__ import annotations

from roundhouse.features.gateway.openapi.shapes import (
    Schema,
    flag,
    free,
    integer,
    items,
    number,
    optional,
    record,
    tags,
    text,
)


def model() -> Schema:
    """The member `model`."""
    return text(
        "A model's name, an alias, `provider/model`, or `auto` to let Roundhouse choose. `GET /v1/models` lists them.",
        minLength=1,
        examples=["auto"],
    )


def stream(about: str) -> Schema:
    """The member `stream`."""
    return optional(flag(f"Answer piece by piece, as server-sent events. {about}", default=False))


def sampling() -> dict[str, Schema]:
    """How tokens are chosen: members of chat completions and completions."""
    return {
        "temperature": optional(number("Randomness of the choice of tokens, 0 to 2; 0 takes the likeliest.")),
        "top_p": optional(number("Tokens are chosen from the likeliest that make up this share, 0 to 1.")),
        "frequency_penalty": optional(
            number("-2 to 2: above 0, tokens count less the more often they came.")
        ),
        "presence_penalty": optional(number("-2 to 2: above 0, tokens that came once count less.")),
        "logit_bias": optional(
            {
                **free("Token ids and what is added to their logits, -100 (never) to 100 (always)."),
                "additionalProperties": {"type": "number"},
            }
        ),
        "n": optional(integer("How many answers to give; each is paid for.", default=1)),
        "seed": optional(
            integer("The same seed gives the same answer where the model server can promise it.")
        ),
        "stop": {
            "description": "Text, or up to four, at which the answer ends; not part of it.",
            "anyOf": [text(), items(text()), {"type": "null"}],
        },
        "stream_options": optional(
            record(
                "Only with `stream`.",
                {
                    "include_usage": optional(
                        flag("A last chunk with the usage of the whole request, its `choices` empty.")
                    ),
                    "include_obfuscation": optional(flag("Passed on; pads chunks against traffic analysis.")),
                },
            )
        ),
    }


def account() -> dict[str, Schema]:
    """Whom an answer is for, and how a provider treats it: members of chat completions and responses."""
    return {
        "user": optional(text("Your name of the end user; passed on.")),
        "safety_identifier": optional(
            text("A stable pseudonym of the end user, for the provider's abuse checks.")
        ),
        "service_tier": optional(text("Processing class of the provider: auto, default, flex, priority …")),
        "prompt_cache_key": optional(text("Groups requests for the provider's prompt cache.")),
        "prompt_cache_options": optional(free("Options of the provider's prompt cache.")),
        "prompt_cache_retention": optional(text("How long the provider keeps the prompt: in_memory or 24h.")),
        "metadata": optional(tags("Up to 16 pairs of texts of your own.")),
    }


def usage() -> Schema:
    """The component `Usage`."""
    return record(
        "Tokens as the model server counted them.",
        {
            "prompt_tokens": integer("Tokens of the input."),
            "completion_tokens": integer("Tokens of the answer."),
            "total_tokens": integer("Their sum."),
            "prompt_tokens_details": optional(free("Of the input: cached_tokens, audio_tokens.")),
            "completion_tokens_details": optional(free("Of the answer: reasoning_tokens, audio_tokens.")),
        },
    )


def json_schema_format(schema: Schema) -> Schema:
    """Name, schema and strictness of a structured answer."""
    return record(
        "The answer follows this JSON schema.",
        {
            "name": text("Letters, digits, underscores and dashes; up to 64.", minLength=1),
            "description": text("What it is for, told to the model."),
            "schema": schema,
            "strict": optional(flag("Keep to the schema exactly.")),
        },
        "name",
    )


def shared_schemas() -> dict[str, Schema]:
    """Components of this file."""
    return {
        "Usage": usage(),
        "FunctionDefinition": record(
            "A function that the client can run for the model.",
            {
                "name": text("Letters, digits, underscores and dashes; up to 64.", minLength=1),
                "description": text("What it does, told to the model."),
                "parameters": free("JSON schema of its arguments."),
                "strict": optional(flag("Keep to the schema exactly.")),
            },
            "name",
        ),
        "CalledFunction": record(
            "A function and its arguments.",
            {
                "name": text(),
                "arguments": text("The arguments as JSON; models make mistakes, so check them."),
            },
            "name",
            "arguments",
        ),
    }
