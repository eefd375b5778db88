"""Chat completions and completions.

Source:
    OpenAI API reference (2026-11): create a chat completion; create a completion. Descriptions are our own.
    vLLM, multimodal inputs (2026): the parts `video_url` and `audio_url`.
"""

from __future__ import annotations

from roundhouse.features.gateway.openapi.sampling import account, json_schema_format, model, sampling, stream
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
    text,
    told_by,
)

_URL = "`https://…` of a public address, fetched by Roundhouse, or `data:` with base64."


def chat_schemas() -> dict[str, Schema]:
    """Components by name."""
    return {
        "ChatCompletionRequest": _request(),
        "ChatCompletion": _completion("chat.completion", "message"),
        "ChatCompletionChunk": _completion("chat.completion.chunk", "delta"),
        **_messages(),
        **_parts(),
        **_tools(),
    }


def completion_schemas() -> dict[str, Schema]:
    """Components of the older API over prompts."""
    prompt = either(
        text(),
        items(either(text(), integer(), items(integer())), minItems=1),
        about="One text, several, or tokens. Models that only chat take one text.",
    )
    return {
        "CompletionRequest": record(
            "Continue a prompt. Members not listed are passed on to the model server.",
            {
                "model": model(),
                "prompt": prompt,
                "stream": stream("The last event is `[DONE]`."),
                "max_tokens": optional(integer("Most tokens of the answer.")),
                "suffix": optional(text("Text after the answer; for models that fill in.")),
                "echo": optional(flag("Repeat the prompt before the answer.")),
                "best_of": optional(integer("Answers made, of which the likeliest `n` are given.")),
                "logprobs": optional(integer("Log probabilities of so many of the likeliest tokens.")),
                "user": optional(text("Your name of the end user; passed on.")),
                **sampling(),
            },
            "model",
            "prompt",
        ),
        "Completion": record(
            "A completion, or one chunk of it.",
            {
                "id": text(),
                "object": text("`text_completion`."),
                "created": integer("Unix time in seconds."),
                "model": text("The model that answered."),
                "choices": items(
                    record(
                        "One answer.",
                        {
                            "index": integer(),
                            "text": text(),
                            "finish_reason": optional(text("stop, length or content_filter.")),
                            "logprobs": optional(free()),
                        },
                    )
                ),
                "usage": optional(ref("Usage")),
            },
            "choices",
        ),
    }


def _request() -> Schema:
    members = {
        "model": model(),
        "messages": items(ref("ChatMessage"), "The conversation so far, oldest first.", minItems=1),
        "stream": stream("The last event is `[DONE]`; an error is an event with the member `error`."),
        "max_completion_tokens": optional(integer("Most tokens of the answer, reasoning included.")),
        "max_tokens": optional(integer("The older name of `max_completion_tokens`.")),
        "reasoning_effort": optional(
            text("How long to think: none, minimal, low, medium, high, xhigh, max; models differ.")
        ),
        "verbosity": optional(text("How long to answer: low, medium or high.")),
        "logprobs": optional(flag("Tell the log probability of each token of the answer.")),
        "top_logprobs": optional(integer("Also those of so many of the likeliest tokens, 0 to 20.")),
        "store": optional(flag("Passed on: whether the provider keeps the answer. Roundhouse keeps none.")),
        "moderation": optional(free("Passed on: moderation by the provider.")),
        **_output(),
        **_tool_members(),
        **sampling(),
        **account(),
    }
    return record(
        "Answer a conversation. Members not listed are passed on to the model server.",
        members,
        "model",
        "messages",
    )


def _output() -> dict[str, Schema]:
    formats = either(
        record("Plain text.", {"type": constant("text")}, "type"),
        record("Any JSON object; ask for it in a message too.", {"type": constant("json_object")}, "type"),
        record(
            "JSON of a schema.",
            {"type": constant("json_schema"), "json_schema": json_schema_format(free("The JSON schema."))},
            "type",
            "json_schema",
        ),
        about="Form of the answer.",
    )
    return {
        "response_format": optional(formats),
        "modalities": optional(items(text(), "What to answer with: `text`, `audio`.")),
        "audio": optional(
            record(
                "Voice and format; needed to answer with audio.",
                {
                    "voice": either(text(), free(), about="The voice's name."),
                    "format": text("wav, aac, mp3, flac, opus or pcm16."),
                },
                "voice",
                "format",
            )
        ),
        "prediction": optional(
            record(
                "Text that the answer will mostly repeat, which makes it faster.",
                {"type": constant("content"), "content": _text_content()},
                "type",
                "content",
            )
        ),
        "web_search_options": optional(
            record(
                "Passed on: the provider searches the web.",
                {
                    "search_context_size": optional(text("low, medium or high.")),
                    "user_location": optional(free("Where the user is, roughly.")),
                },
            )
        ),
    }


def _tool_members() -> dict[str, Schema]:
    named = record(
        "Exactly this tool, or `allowed_tools` with the tools that may be called.",
        {"type": text("function, custom or allowed_tools.")},
        "type",
    )
    return {
        "tools": optional(items(ref("ChatTool"), "What the model may call.")),
        "tool_choice": either(
            text(enum=["none", "auto", "required"]),
            named,
            null(),
            about="Whether tools are called: none, auto (the model decides), required, or a certain one.",
        ),
        "parallel_tool_calls": optional(flag("May call several tools at once.")),
        "functions": optional(items(ref("FunctionDefinition"), "The older form of `tools`.")),
        "function_call": either(
            text(), record("", {"name": text()}, "name"), null(), about="The older form of `tool_choice`."
        ),
    }


def _text_content() -> Schema:
    return either(text(), items(ref("ChatTextPart"), minItems=1), about="A text, or parts of type text.")


def _messages() -> dict[str, Schema]:
    name = {"name": text("Tells apart people of the same role.")}
    system = {"content": _text_content(), **name}
    user_content = either(text(), items(ref("ChatContentPart"), minItems=1), about="A text, or parts.")
    answer = either(
        text(),
        items(either(ref("ChatTextPart"), ref("ChatRefusalPart"))),
        null(),
        about="What was said; null when only tools were called.",
    )
    assistant = {
        "content": answer,
        "refusal": optional(text("Why the model refused.")),
        "tool_calls": optional(items(ref("ChatToolCall"))),
        "audio": optional(record("An earlier spoken answer.", {"id": text()}, "id")),
        "function_call": optional(ref("CalledFunction")),
        **name,
    }
    tool = {"content": _text_content(), "tool_call_id": text("Of the call that this answers.")}
    function = {"content": optional(text("What it returned.")), "name": text("Of the function.")}

    def message(role: str, about: str, members: dict[str, Schema], *required: str) -> Schema:
        return record(about, {"role": constant(role), **members}, "role", *required)

    return {
        "ChatMessage": told_by(
            "role",
            developer="ChatDeveloperMessage",
            system="ChatSystemMessage",
            user="ChatUserMessage",
            assistant="ChatAssistantMessage",
            tool="ChatToolMessage",
            function="ChatFunctionMessage",
        ),
        "ChatDeveloperMessage": message("developer", "What the model is to be.", system, "content"),
        "ChatSystemMessage": message("system", "The same, by its older name.", system, "content"),
        "ChatUserMessage": message(
            "user", "What a person says.", {"content": user_content, **name}, "content"
        ),
        "ChatAssistantMessage": message("assistant", "What the model said.", assistant),
        "ChatToolMessage": message("tool", "What a tool returned.", tool, "content", "tool_call_id"),
        "ChatFunctionMessage": message("function", "The older form of `tool`.", function, "content", "name"),
    }


def _parts() -> dict[str, Schema]:
    def part(kind: str, about: str, member: Schema) -> Schema:
        return record(about, {"type": constant(kind), kind: member}, "type", kind)

    def link(about: str, **more: Schema) -> Schema:
        return record(about, {"url": text(_URL), **more}, "url")

    image = link("", detail=text("auto, low, high or original."))
    audio = record(
        "", {"data": text("Base64."), "format": text("wav or mp3; models differ.")}, "data", "format"
    )
    file = record(
        "",
        {
            "filename": text(),
            "file_data": text("`data:` with base64."),
            "file_id": text("Of a file the provider keeps."),
        },
    )
    return {
        "ChatContentPart": told_by(
            "type",
            text="ChatTextPart",
            image_url="ChatImagePart",
            input_audio="ChatAudioPart",
            file="ChatFilePart",
            video_url="ChatVideoPart",
            audio_url="ChatAudioUrlPart",
        ),
        "ChatTextPart": part("text", "Text.", text()),
        "ChatRefusalPart": part("refusal", "The model's refusal.", text()),
        "ChatImagePart": part("image_url", "A picture.", image),
        "ChatAudioPart": part("input_audio", "Sound.", audio),
        "ChatFilePart": part("file", "A document, for providers that read them.", file),
        "ChatVideoPart": part("video_url", "A video, for models that watch; others answer 422.", link("")),
        "ChatAudioUrlPart": part("audio_url", "Sound by its address, for models that take it so.", link("")),
    }


def _tools() -> dict[str, Schema]:
    custom = record(
        "A tool that takes free text.",
        {
            "name": text(),
            "description": text("What it does, told to the model."),
            "format": free("`text`, or a grammar that the input follows."),
        },
        "name",
    )
    custom_call = record("", {"name": text(), "input": text()}, "name", "input")
    return {
        "ChatTool": told_by("type", function="ChatFunctionTool", custom="ChatCustomTool"),
        "ChatFunctionTool": record(
            "A function.",
            {"type": constant("function"), "function": ref("FunctionDefinition")},
            "type",
            "function",
        ),
        "ChatCustomTool": record(
            "A free tool.", {"type": constant("custom"), "custom": custom}, "type", "custom"
        ),
        "ChatToolCall": told_by("type", function="ChatFunctionCall", custom="ChatCustomCall"),
        "ChatFunctionCall": record(
            "A call of a function.",
            {"id": text(), "type": constant("function"), "function": ref("CalledFunction")},
            "id",
            "type",
            "function",
        ),
        "ChatCustomCall": record(
            "A call of a free tool.",
            {"id": text(), "type": constant("custom"), "custom": custom_call},
            "id",
            "type",
            "custom",
        ),
    }


def _completion(kind: str, place: str) -> Schema:
    said = record(
        "What the model says; of a chunk, the next piece of it.",
        {
            "role": optional(text()),
            "content": optional(text()),
            "refusal": optional(text()),
            "tool_calls": optional(items(free())),
            "audio": optional(free()),
            "annotations": optional(items(free())),
        },
    )
    choice = record(
        "One answer.",
        {
            "index": integer(),
            place: said,
            "finish_reason": optional(text("stop, length, tool_calls or content_filter.")),
            "logprobs": optional(free()),
        },
    )
    return record(
        "An answer." if place == "message" else "A piece of an answer.",
        {
            "id": text(),
            "object": text(f"`{kind}`."),
            "created": number("Unix time in seconds."),
            "model": text("The model that answered, as its server calls it."),
            "choices": items(choice),
            "usage": optional(ref("Usage")),
            "service_tier": optional(text()),
            "system_fingerprint": optional(text()),
        },
        "choices",
    )
