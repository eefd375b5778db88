"""What a model is told that fills in a template, in the language of the summary."""

from __future__ import annotations

LANGUAGE_NAMES = {"en": "English", "vi": "tiếng Việt", "zh": "中文", "he": "עברית"}

FILL = {
    "en": (
        "You turn transcripts into structured summaries. Answer with one JSON object that fits the JSON Schema below,"
        " and with nothing else. Use only what the transcript says: what is not said is null, an empty text or an"
        " empty list. Quotes stand word for word in the transcript; leave start_s and end_s null. Write in {language}."
        "\n\nJSON Schema:\n{schema}"
    ),
    "vi": (
        "Bạn biến bản chép lời thành bản tóm tắt có cấu trúc. Hãy trả lời bằng đúng một đối tượng JSON khớp với JSON"
        " Schema dưới đây, không thêm gì khác. Chỉ dùng những gì có trong bản chép lời: điều không được nói thì để"
        " null, chuỗi rỗng hoặc danh sách rỗng. Trích dẫn phải đúng nguyên văn; để start_s và end_s là null. Viết bằng"
        " {language}.\n\nJSON Schema:\n{schema}"
    ),
    "zh": (
        "你把转写稿整理成结构化摘要。只输出一个符合下面 JSON Schema 的 JSON 对象，不要输出其他内容。"
        "只使用转写稿中说到的内容：没有说到的用 null、空字符串或空列表。"
        "引文必须与转写稿逐字一致；start_s 和 end_s 填 null。用{language}书写。"
        "\n\nJSON Schema:\n{schema}"
    ),
    "he": (
        "אתה הופך תמלולים לתקצירים מובנים. השב באובייקט JSON אחד שמתאים ל-JSON Schema שלהלן, ובלי שום דבר נוסף."
        " השתמש רק במה שנאמר בתמלול: מה שלא נאמר הוא null, טקסט ריק או רשימה ריקה. ציטוטים עומדים מילה במילה בתמלול;"
        " השאר את start_s ואת end_s כ-null. כתוב ב{language}.\n\nJSON Schema:\n{schema}"
    ),
}

CONDENSE = {
    "en": (
        "Take notes of this part of a transcript, in {language}: everything that was decided, promised, asked or"
        " found, with all names and numbers. Copy the most important sentences word for word in quotation marks."
        " Add nothing."
    ),
    "vi": (
        "Hãy ghi chép phần này của bản chép lời bằng {language}: mọi điều được quyết định, hứa hẹn, hỏi hoặc nhận thấy,"
        " cùng mọi tên và con số. Chép nguyên văn những câu quan trọng nhất trong dấu ngoặc kép. Không thêm gì."
    ),
    "zh": (
        "请用{language}为这部分转写稿做笔记：所有决定、承诺、问题和发现，以及全部人名和数字。把最重要的句子逐字抄在引号里。不要添加内容。"
    ),
    "he": (
        "רשום הערות על חלק זה של התמלול ב{language}: כל מה שהוחלט, הובטח, נשאל או נמצא, עם כל השמות והמספרים. העתק את"
        " המשפטים החשובים ביותר מילה במילה במירכאות. אל תוסיף דבר."
    ),
}

REPAIR = {
    "en": "That does not fit the schema:\n{faults}\nAnswer with the whole corrected JSON object and nothing else.",
    "vi": "Kết quả chưa khớp với schema:\n{faults}\nHãy trả lời bằng toàn bộ đối tượng JSON đã sửa, và chỉ thế.",
    "zh": "这不符合 schema：\n{faults}\n请只输出修正后的完整 JSON 对象。",
    "he": "זה אינו מתאים לסכמה:\n{faults}\nהשב באובייקט ה-JSON המלא והמתוקן ובלי שום דבר נוסף.",
}

NO_JSON = {
    "en": "there is no JSON object in it",
    "vi": "không có đối tượng JSON nào",
    "zh": "其中没有 JSON 对象",
    "he": "אין בו אובייקט JSON",
}


def in_language(texts: dict[str, str], language: str | None) -> str:
    """The text in this language, else in English."""
    return texts.get(language or "", texts["en"])
