"""The Responses API as far as it is served: without memory, with the client's own functions.

Source:
    OpenAI API reference (2026-11): create a model response. Descriptions are our own.
"""

from __future__ import annotations

from roundhouse.features.gateway.openapi.sampling import account, json_schema_format, model, stream
from roundhouse.features.gateway.openapi.shapes import (
    Schema,
    constant,
    either,
    flag,
    free,
    integer,
    items,
    null,
    number,
    optional,
    record,
    ref,
    tags,
    text,
    told_by,
)

_REFUSED = "Not served: anything but null is 400 `not_supported`. "


def responses_schemas() -> dict[str, Schema]:
    """Components by name."""
    return {
        "ResponsesRequest": _request(),
        "ResponsesAnswer": _answer(),
        **_input(),
        "ResponsesFunctionTool": record(
            "A function that the client can run for the model; other types of tools are 400 `not_supported`.",
            {
                "type": constant("function"),
                "name": text(minLength=1),
                "description": optional(text("What it does, told to the model.")),
                "parameters": optional(free("JSON schema of its arguments.")),
                "strict": optional(flag("Keep to the schema exactly.")),
            },
            "type",
            "name",
        ),
    }


def _request() -> Schema:
    members = {
        "model": model(),
        "input": either(
            text(),
            items(ref("ResponsesInputItem"), minItems=1),
            about="A text, or the whole conversation: messages, function calls and their outputs.",
        ),
        "instructions": optional(text("What the model is to be; goes before the conversation.")),
        "stream": stream("Named events from `response.created` to `response.completed`; no `[DONE]`."),
        "max_output_tokens": optional(integer("Most tokens of the answer, reasoning included.", minimum=1)),
        "temperature": optional(number("Randomness of the choice of tokens, 0 to 2.")),
        "top_p": optional(number("Tokens are chosen from the likeliest that make up this share, 0 to 1.")),
        "top_logprobs": optional(integer("Log probabilities of so many of the likeliest tokens.")),
        "include": optional(
            items(
                text(enum=["message.output_text.logprobs", "reasoning.encrypted_content"]),
                "What else to tell. There is no encrypted reasoning: that one adds nothing.",
            )
        ),
        "reasoning": optional(record("", {"effort": optional(text("How long to think."))})),
        "text": optional(_text()),
        "store": optional(flag("Taken and not obeyed: answers are not stored, and say so.")),
        "truncation": optional(text("Nothing is ever dropped: too long is 400.", enum=["auto", "disabled"])),
        "max_tool_calls": optional(integer("Counts tools of OpenAI's own, of which there are none.")),
        **_tools(),
        **account(),
        "metadata": optional(tags("Repeated in the answer.")),
        **_refused(),
    }
    about = "Answer a conversation that the request holds whole. Members not listed are ignored."
    return record(about, members, "model", "input")


def _refused() -> dict[str, Schema]:
    return {
        "previous_response_id": optional(text(_REFUSED + "Send the whole conversation.")),
        "conversation": either(text(), free(), null(), about=_REFUSED + "Send the whole conversation."),
        "prompt": optional(free(_REFUSED + "Send `instructions` and `input`.")),
        "background": optional(flag("Not served: true is 400 `not_supported`.")),
        "context_management": optional(items(free(), _REFUSED)),
        "moderation": optional(free(_REFUSED)),
    }


def _text() -> Schema:
    described = json_schema_format(free("The JSON schema."))
    described["properties"] = {"type": constant("json_schema"), **described["properties"]}
    described["required"] = ["type", "name", "schema"]
    return record(
        "Form of the answer.",
        {
            "format": optional(
                either(
                    record("Plain text.", {"type": constant("text")}, "type"),
                    record("Any JSON object.", {"type": constant("json_object")}, "type"),
                    described,
                )
            ),
            "verbosity": optional(text("low, medium or high.")),
        },
    )


def _tools() -> dict[str, Schema]:
    named = {"type": constant("function"), "name": text(minLength=1)}
    allowed = {
        "type": constant("allowed_tools"),
        "mode": text("auto or required."),
        "tools": items(record("", named, "type", "name")),
    }
    return {
        "tools": optional(items(ref("ResponsesFunctionTool"), "What the model may call.")),
        "tool_choice": either(
            text(enum=["none", "auto", "required"]),
            record("Exactly this function.", named, "type", "name"),
            record("Only these.", allowed, "type", "mode", "tools"),
            null(),
            about="Whether functions are called; without `tools` only none and auto.",
        ),
        "parallel_tool_calls": optional(flag("May call several functions at once.")),
    }


def _input() -> dict[str, Schema]:
    content = either(text(), items(ref("ResponsesInputPart")), about="A text, or parts.")
    function_call = {
        "type": constant("function_call"),
        "call_id": text(),
        "name": text(),
        "arguments": text("JSON."),
    }
    output = {"type": constant("function_call_output"), "call_id": text(), "output": content}

    return {
        "ResponsesInputItem": either(
            ref("ResponsesMessage"),
            ref("ResponsesFunctionCall"),
            ref("ResponsesFunctionOutput"),
            ref("ResponsesReasoning"),
        ),
        "ResponsesMessage": record(
            "What somebody said; an earlier answer's output item can be sent as it came.",
            {
                "type": constant("message"),
                "role": text(enum=["user", "assistant", "system", "developer"]),
                "content": content,
            },
            "role",
            "content",
        ),
        "ResponsesFunctionCall": record(
            "A call the model made.", function_call, "type", "call_id", "name", "arguments"
        ),
        "ResponsesFunctionOutput": record("What a function returned.", output, "type", "call_id", "output"),
        "ResponsesReasoning": record("Taken and not used.", {"type": constant("reasoning")}, "type"),
        **_parts(),
    }


def _parts() -> dict[str, Schema]:
    def part(kind: str, about: str, **members: Schema) -> Schema:
        return record(about, {"type": constant(kind), **members}, "type", *members)

    return {
        "ResponsesInputPart": told_by(
            "type",
            input_text="ResponsesInputText",
            output_text="ResponsesOutputText",
            refusal="ResponsesRefusal",
            input_image="ResponsesInputImage",
            input_audio="ResponsesInputAudio",
            input_file="ResponsesInputFile",
        ),
        "ResponsesInputText": part("input_text", "Text.", text=text()),
        "ResponsesOutputText": part("output_text", "Text of an earlier answer.", text=text()),
        "ResponsesRefusal": part("refusal", "An earlier refusal.", refusal=text()),
        "ResponsesInputImage": part(
            "input_image",
            "A picture.",
            image_url=text("`https://…` of a public address, or `data:`.", minLength=1),
        ),
        "ResponsesInputAudio": part(
            "input_audio",
            "Sound.",
            input_audio=record("", {"data": text("Base64."), "format": text()}, "data", "format"),
        ),
        "ResponsesInputFile": part(
            "input_file", "A document.", file_data=text("`data:` with base64.", minLength=1)
        ),
    }


def _answer() -> Schema:
    return record(
        "An answer; it repeats the parameters of its request.",
        {
            "id": text("`resp_…`; nothing can be asked by it."),
            "object": constant("response"),
            "created_at": integer("Unix time in seconds."),
            "completed_at": optional(integer("Unix time in seconds.")),
            "status": text("completed, incomplete or failed; in_progress in the first events."),
            "incomplete_details": optional(
                record("", {"reason": text("max_output_tokens or content_filter.")})
            ),
            "error": optional(free("Why it failed.")),
            "model": text("The model that answered."),
            "output": items(free("Items of type message, function_call or reasoning.")),
            "usage": optional(
                record(
                    "Tokens as the model server counted them.",
                    {
                        "input_tokens": integer(),
                        "input_tokens_details": free("cached_tokens, cache_write_tokens."),
                        "output_tokens": integer(),
                        "output_tokens_details": free("reasoning_tokens."),
                        "total_tokens": integer(),
                    },
                )
            ),
            "store": flag("Always false."),
        },
        "id",
        "object",
        "created_at",
        "status",
        "model",
        "output",
    )
