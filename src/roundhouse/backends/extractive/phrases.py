"""The fixed sentences the built-in model says in its own name, in the four languages. Nothing else is its own."""

from __future__ import annotations

from roundhouse.core.language.detection import Language

QUOTED: dict[Language, str] = {
    "en": (
        "(Extractive answer: these sentences are quoted word for word from this conversation; no"
        " language model wrote them.)"
    ),
    "vi": (
        "(Câu trả lời trích xuất: các câu trên được trích nguyên văn từ cuộc trò chuyện này, không do"
        " mô hình ngôn ngữ viết ra.)"
    ),
    "zh": "（摘录式回答：以上句子逐字摘自本次对话，并非由语言模型撰写。）",
    "he": "(תשובה מצוטטת: המשפטים האלה מצוטטים מילה במילה מהשיחה הזאת, ולא נכתבו בידי מודל שפה.)",
}
"""Under an answer."""

SUMMARISED: dict[Language, str] = {
    "en": (
        "(Extractive summary: the most central sentences, word for word and in their order; no"
        " language model wrote them.)"
    ),
    "vi": (
        "(Tóm tắt trích xuất: những câu trọng tâm nhất, giữ nguyên văn và thứ tự, không do mô hình"
        " ngôn ngữ viết ra.)"
    ),
    "zh": "（摘录式摘要：以上为最核心的句子，逐字按原文顺序摘录，并非由语言模型撰写。）",
    "he": "(תקציר מצוטט: המשפטים המרכזיים ביותר, מילה במילה ולפי סדרם, ולא נכתבו בידי מודל שפה.)",
}
"""Under a summary."""

NOTHING: dict[Language, str] = {
    "en": (
        "I found nothing in this conversation to quote in reply. I am roundhouse/extractive, the"
        " built-in model: I only"
        " quote and summarise text that was given to me. No language model is configured. To add one, run"
        " `roundhouse models discover`, which finds Ollama, vLLM and llama.cpp on this machine,"
        " or add a provider with"
        " `POST /v1/providers`."
    ),
    "vi": (
        "Tôi không tìm thấy gì trong cuộc trò chuyện này để trích dẫn. Tôi là"
        " roundhouse/extractive, mô hình có sẵn: tôi"
        " chỉ trích dẫn và tóm tắt văn bản được đưa cho tôi. Chưa có mô hình ngôn ngữ nào được"
        " cấu hình. Để thêm một mô"
        " hình, hãy chạy `roundhouse models discover` để tìm Ollama, vLLM và llama.cpp trên máy"
        " này, hoặc thêm một nhà"
        " cung cấp bằng `POST /v1/providers`."
    ),
    "zh": (
        "我在本次对话中没有找到可以摘录来回答的内容。我是内置模型 roundhouse/extractive，"
        "只会摘录和概括给我的文字。"
        "目前没有配置语言模型。要添加模型，请运行 `roundhouse models discover`，它会查找本机上的"
        " Ollama、vLLM 和 llama.cpp；"
        "也可以用 `POST /v1/providers` 添加一个提供方。"
    ),
    "he": (
        "לא מצאתי בשיחה הזאת דבר לצטט בתשובה. אני roundhouse/extractive, המודל המובנה: אני רק"
        " מצטט ומתמצת טקסט שניתן לי."
        " לא הוגדר מודל שפה. כדי להוסיף אחד, הריצו `roundhouse models discover`, שמוצא את Ollama,"
        " vLLM ו-llama.cpp במחשב"
        " הזה, או הוסיפו ספק באמצעות `POST /v1/providers`."
    ),
}
"""Instead of an answer."""

_QUOTES: dict[Language, tuple[str, str]] = {
    "en": ("“", "”"),
    "vi": ("“", "”"),
    "zh": ("“", "”"),
    "he": ('"', '"'),
}


def answer(quotes: list[str], language: Language) -> str:
    """Quotes, one a line, with the note below."""
    left, right = _QUOTES[language]
    return "\n".join(f"{left}{quote}{right}" for quote in quotes) + "\n\n" + QUOTED[language]


def summary(quotes: list[str], language: Language) -> str:
    """Sentences of a summary, one a line, with the note below."""
    return "\n".join(f"- {quote}" for quote in quotes) + "\n\n" + SUMMARISED[language]


def own_sentences() -> list[str]:
    """Every fixed text, so that none is ever quoted."""
    return [text for table in (QUOTED, SUMMARISED, NOTHING) for text in table.values()]
