"""Which sentences ask something of the model, and what: a question, or a summary of how many sentences."""

from __future__ import annotations

import re

from roundhouse.core.language.detection import Language

_QUESTION_END = re.compile(r"[?？؟][\"'”’»)\]）」』]*\s*$")

_ASKS: dict[Language, str] = {
    "en": (
        r"^(?:hi|hello|hey|so|now|and|then|please|ok(?:ay)?|(?:based on|using|according to) [^,]*,|[\s,.!:])*"
        r"(?:what|who|whom|whose|where|when|why|how|which|is|are|was|were|do|does|did|can|could|will|would|has"
        r"|have|should|tell|explain|describe|list|find|give|show|name|answer|translate|write|quote|extract"
        r"|remind|compare|define|identify)\b"
    ),
    "vi": (
        r"^(?:xin chào|chào bạn|vậy|thế|và|bạn ơi|(?:theo|dựa vào|dựa trên) [^,]*,|[\s,.!:])*"
        r"(?:hãy|xin (?:hãy|cho)|vui lòng|cho (?:tôi|mình|em|biết)|giải thích|liệt kê|trả lời|tìm|nêu|kể|dịch"
        r"|so sánh|trích|ai|tại sao|vì sao|khi nào|bao giờ|ở đâu|làm (?:sao|thế nào)|bao nhiêu|mấy giờ)\b"
        r"|\b(?:là gì|thế nào|ở đâu|bao nhiêu|khi nào|mấy giờ|là ai|tại sao|vì sao|gì|không)\s*[.!]?$"
    ),
    "zh": (
        r"^(?:你好|您好|那么|那|然后|[，,！!。\s])*(?:请|告诉|解释|介绍|列出|回答|说明|找出|翻译|比较"
        r"|描述|根据|帮我|什么|谁|哪|为什么|怎么|如何|多少|几)"
        r"|(?:吗|呢|什么|哪里|哪儿|多少|几点|怎么样|是谁|多大|为什么|什么时候)[。.!！]?$"
    ),
    "he": (
        r"^(?:שלום|היי|אז|ו|(?:לפי|על סמך) [^,]*,|[\s,.!:])*"
        r"(?:מה|מי|איפה|היכן|מתי|למה|מדוע|איך|כיצד|כמה|איזה|איזו|אילו|האם|באיזה|באיזו|מאיפה|לאן|תגיד"
        r"|תגידי|ספר|ספרי|הסבר|הסבירי|תאר|תארי|רשום|רשמי|מצא|מצאי|ענה|עני|תרגם|תן|תני|במה|ממה)\b"
    ),
}
_SUMMARISES: dict[Language, str] = {
    "en": (
        r"\bsummari[sz]e|\bsummary\b|\bsum up\b|\btl;?dr\b|\bmain (?:points|ideas?)\b|\bkey (?:points"
        r"|takeaways|ideas)\b|\bin brief\b|\babstract of\b|\bcondense\b"
    ),
    "vi": r"tóm (?:tắt|lược|gọn)|tom tat|ý chính|y chinh|tổng kết|điểm chính|rút gọn",
    "zh": "总结|總結|摘要|概括|归纳|概述|要点|小结|提炼",
    "he": (
        r"\bסכ[םמ](?:י|ו)?\b|\bתסכ[םמ](?:י)?\b|\bלסכם\b|\b[הב]?תקציר\b|\bתמצ(?:ת|תי|ית)\b"
        r"|\b[הב]?סיכום\b|נקודות (?:ה)?עיקריות|עיקרי הדברים"
    ),
}
_CONCLUDES = re.compile(
    r"\s*(?:in (?:summary|brief|conclusion)\b|to (?:sum up|summari[sz]e),"
    r"|tóm lại|总之|综上|总而言之|总的来说|本文|לסיכום)",
    re.IGNORECASE,
)
"""How a text sums itself up."""

_ORDER_CHARS = 160
_ASSISTANT_RULE = re.compile(
    r"^(?:you are\b|you're\b|you will\b|you must\b|your (?:task|job|role|goal)\b|always\b|never\b"
    r"|do not\b|don't\b|answer\b|respond\b|reply\b|use the\b"
    r"|if you (?:do not|don't|cannot|can't)\b|be (?:helpful|brief|concise|polite)\b|keep your\b"
    r"|please\b|help (?:the )?users?\b|act as\b"
    r"|bạn là\b|hãy\b|luôn\b|không được\b|trả lời\b|nếu (?:bạn )?không biết|chỉ (?:dùng|trả lời|sử dụng)"
    r"|你是|您是|请|如果(?:你)?不知道|不要|用中文回答|回答|总是|始终|只能?(?:用|使用|回答)"
    r"|אתה\b|את עוזר|ענה\b|עני\b|השב\b|אם (?:אינך|אתה לא|את לא)|אל ת|תמיד\b|היה (?:אדיב|קצר))",
    re.IGNORECASE,
)

_NUMBERS: dict[Language, str] = {
    "en": "one two three four five six seven eight nine ten",
    "vi": "một hai ba bốn năm sáu bảy tám chín mười",
    "zh": "一 二 三 四 五 六 七 八 九 十",
    "he": "אחד שניים שלושה ארבעה חמישה שישה שבעה שמונה תשעה עשרה",
}
_NUMBER_VALUES = {word: place + 1 for words in _NUMBERS.values() for place, word in enumerate(words.split())}
_OTHER_FORMS = {"两": 2, "single": 1, "mot": 1, "bon": 4, "nam": 5, "אחת": 1, "שני": 2, "שתי": 2, "שלוש": 3}
_OTHER_FORMS |= {"שלושת": 3, "ארבע": 4, "חמש": 5, "חמשת": 5}
_NUMBER_VALUES |= _OTHER_FORMS
_COUNT_WORDS = "|".join(sorted(map(re.escape, _NUMBER_VALUES), key=len, reverse=True))
_COUNT = re.compile(
    rf"(\d{{1,3}}|(?<![^\W\d_])[בל]?(?:{_COUNT_WORDS})|[一二两三四五六七八九十])(?:[- ](?:short|key|main"
    rf"|brief|bullet|simple))*[- ]?\s*"
    r"(?:sentences?|lines?|points?|bullets?|câu|cau|ý(?:\s|$)|dòng|gạch|句|点|條|条|行|个要点|משפט"
    r"|נקודות|שורות)",
    re.IGNORECASE,
)
_ONE_HEBREW = re.compile(r"(?:משפט|שורה) אח(?:ד|ת)|במשפט(?! אחד)(?=\s*$)")

MAX_ASKED_SENTENCES = 20

_TASK_WORDS = re.compile(
    r"\b(?:summari[sz]e|summary|sum up|tl;?dr|in brief|brief(?:ly)?|short|sentences?|points?"
    r"|bullets?|main|key|ideas?|takeaways|text|article"
    r"|passage|document|conversation|chat|above|below|following|make|provide|write|paragraphs?|\d+"
    r"|one|two|three|four|five|six|seven)\b"
    r"|\b(?:tóm tắt|tóm lược|tóm gọn|ý chính|điểm chính|ngắn gọn|đoạn văn|đoạn|văn bản|bài viết"
    r"|bài|nội dung|câu|trên|dưới đây|sau đây|sau|cuộc trò chuyện|hội thoại|giúp|thành"
    r"|khoảng|tổng kết|\d+|một|hai|ba|bốn|năm|sáu|bảy)\b"
    r"|总结|摘要|概括|归纳|概述|要点|小结|提炼|请|用|以下|下面|上面|内容|文字|文本|文章|段落|一段"
    r"|这段|对话|话|句|点|主要|[一二三四五六七八九十两0-9]|写|做|一个|成"
    r"|\b[הבאתלו]*(?:סכם|סכמי|תסכם|לסכם|תקציר|תמצת|סיכום|טקסט|מאמר|הבא|הבאה|שלמעלה|שיחה|קטע|מסמך"
    r"|משפטים|משפט|נקודות|קצר|עיקריות|עיקרי|דברים|ב-?\d+|שניים|שני|שלושה|ארבעה|חמישה|אחד)\b",
    re.IGNORECASE,
)


def is_question(sentence: str) -> bool:
    """Whether a sentence ends with a question mark."""
    return _QUESTION_END.search(sentence) is not None


def asks(sentence: str, language: Language) -> bool:
    """Whether a sentence asks something of the reader: a question or an instruction."""
    if is_question(sentence) or wants_summary(sentence, language):
        return True
    return re.search(_ASKS[language], sentence.strip().lower()) is not None


def wants_summary(sentence: str, language: Language) -> bool:
    """Whether a sentence is an instruction to summarise."""
    if _CONCLUDES.match(sentence) or len(sentence) > _ORDER_CHARS:
        return False
    lowered = sentence.lower()
    return re.search(_SUMMARISES[language], lowered) is not None or (
        language != "en" and re.search(_SUMMARISES["en"], lowered) is not None
    )


def is_assistant_rule(sentence: str) -> bool:
    """Whether a sentence of a system message tells the model how to behave; such a one is no material."""
    return _ASSISTANT_RULE.match(sentence.strip()) is not None


def sentences_asked(instruction: str) -> int | None:
    """How many sentences (or points) a summary shall have, 1 to `MAX_ASKED_SENTENCES`; None = not told."""
    found = _COUNT.search(instruction)
    if found is not None:
        word = found.group(1).lower()
        word = word if word in _NUMBER_VALUES else word.lstrip("בל")
        number = int(word) if word.isdigit() else _NUMBER_VALUES.get(word, 0)
        if number:
            return min(number, MAX_ASKED_SENTENCES)
    return 1 if _ONE_HEBREW.search(instruction) else None


def topic_of(instruction: str) -> str:
    """What is left of an instruction to summarise without the words of the task itself."""
    return _TASK_WORDS.sub(" ", instruction)
