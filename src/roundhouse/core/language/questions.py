"""What a question asks for: a name, an age, a place, a time … and the cues by which an answer to it is known.

A pattern of `ASKED` that matches a question says its kind and is then taken out of it: what remains is its topic.
A pattern of `CUES` matches sentences that can answer that kind. `OWN_CUES` match what people say of themselves.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from roundhouse.core.language.detection import Language
from roundhouse.core.language.terms import Term, fold, normalise, query_terms

Kind = Literal["name", "age", "work", "place", "time", "count", "money", "who", "why"]

ASKED: dict[Kind, dict[Language, str]] = {
    "name": {
        "en": (
            r"\b(?:what(?:'?s| is| was| are)? )?(?:(?:the |full |first |last )*(?:names?|called"
            r"|named)\b)|\bwho am i\b"
        ),
        "vi": r"(?:tên|gọi)(?: là)? gì|tên (?=(?:của )?(?:tôi|mình|tớ|em|anh|cô|ông|bà))|là ai\b|\btên\b",
        "zh": "叫什么名字|叫做什么|叫什么|叫啥|什么名字|名字|姓什么|姓名|名称",
        "he": (
            r"איך קוראים ל(?:ו|ה)?(?=\s|\b)|קוראים ל(?=[א-ת])|מה שמ(?=[יךוהם])|\bשמ[יךוהם]\b|\bה?שם\b"
            r"|נקרא(?:ת|ים|ות)?\b|מי אני\b"
        ),
    },
    "age": {
        "en": r"\bhow old(?: is| are| am)?\b|\bage\b",
        "vi": r"bao nhiêu tuổi|mấy tuổi|\btuổi\b",
        "zh": "多大年纪|多大岁数|多大|几岁|多少岁|年龄|岁数|年纪",
        "he": r"\bב(?:ן|ת) כמה\b|\bבני כמה\b|\bבאי?זה גיל\b|\bה?גיל\b|\bגיל[יךוהם]\b",
    },
    "work": {
        "en": r"\bwhat do(?:es)? (?=\w+ do\b)|\bdo for (?:a living|work)\b|\b(?:job|profession|occupation)\b",
        "vi": r"làm nghề gì|nghề (?:nghiệp )?(?:của )?|làm công việc gì|công việc|làm gì\b|làm việc gì",
        "zh": "做什么工作|从事什么|干什么工作|是做什么的|是干什么的|做什么的|什么工作|什么职业|职业|做什么",
        "he": r"במה (?=.*עובד)|מה המקצוע|\bה?מקצוע\b|במה (?=.*עוסק)|מה העבודה",
    },
    "place": {
        "en": (
            r"\bwhere\b|\bwhich (?:city|country|town|room|floor|street)\b|\bwhat (?:city|country|town"
            r"|place)\b|\blocated\b|\baddress\b"
        ),
        "vi": r"ở đâu|nằm ở đâu|tại đâu|nơi nào|chỗ nào|\bđâu\b|địa chỉ|thành phố nào|phòng nào|tầng mấy",
        "zh": "哪里人|哪儿人|在哪里|在哪儿|在哪|哪里|哪儿|什么地方|何处|地址|哪个城市|哪座城市|几楼|几层",
        "he": (
            r"\bאיפה\b|\bהיכן\b|\bלאן\b|\bמאיפה\b|\bמהיכן\b|\bבאיזו עיר\b|\bבאיזה (?:מקום|רחוב|חדר)\b"
            r"|\bכתובת\b"
        ),
    },
    "time": {
        "en": (
            r"\bwhen\b|\b(?:at )?what time\b|\b(?:in |on )?(?:what|which) (?:year|day|date|month"
            r"|hours?)\b|\bhow long\b|\bwhat are the hours\b"
        ),
        "vi": (
            r"khi nào|lúc nào|bao giờ|(?:lúc )?mấy giờ|(?:vào )?(?:năm|ngày|tháng) (?:nào|mấy"
            r"|bao nhiêu)|thứ mấy|hôm nào|bao lâu|mất bao lâu"
        ),
        "zh": (
            "什么时候|何时|几点钟|几点|哪一年|哪年|哪一天|哪天|几号|几月|星期几|周几|多久|多长时间"
            "|什么时间|时间"
        ),
        "he": (
            r"\bמתי\b|\bבאיזו שעה\b|\bבאיזה (?:יום|תאריך|חודש)\b|\bבאיזו שנה\b|\bמה השעה\b|\bכמה זמן\b"
            r"|\bכמה שעות\b"
        ),
    },
    "money": {
        "en": (
            r"\bhow much (?:does|do|did|is|are|will|would)\b|\bhow expensive\b|\b(?:price|costs?|fee"
            r"|salary)\b"
        ),
        "vi": r"bao nhiêu tiền|giá bao nhiêu|giá (?:vé )?là bao nhiêu|hết bao nhiêu|chi phí|\bgiá\b",
        "zh": "多少钱|多少元|什么价格|价格|费用|怎么收费|收费",
        "he": r"\bכמה (?:זה )?(?:עולה|עולים|עלה|עלתה|משלמים|צריך לשלם)\b|\bמה ה?מחיר\b|\bה?מחיר\b|\bה?עלות\b",
    },
    "count": {
        "en": (
            r"\bhow (?:many|much)\b|\bwhat (?:percentage|share|number)(?: of)?\b|\bhow (?:far|tall"
            r"|high|deep|big|large|fast|heavy)\b"
        ),
        "vi": r"bao nhiêu|\bmấy\b|cao bao nhiêu|bao xa",
        "zh": "多少|几(?=[个人本张条辆次种名位台间])|多高|多长|多远|多重|多宽|多快",
        "he": r"\bכמה\b|\bמה (?:המספר|הגובה|האורך|המרחק)\b",
    },
    "who": {
        "en": r"\bwho(?:se|m)?\b",
        "vi": r"\bai\b|người nào",
        "zh": "谁|什么人|哪位",
        "he": r"\bמי\b|\bשל מי\b",
    },
    "why": {
        "en": r"\bwhy\b|\b(?:for )?what (?:was |is )?(?:the )?(?:reason|cause)\b|\bhow come\b",
        "vi": r"tại sao|vì sao|vì lý do gì|lý do gì|do đâu|sao lại",
        "zh": "为什么|为何|什么原因|怎么会|原因",
        "he": r"\bלמה\b|\bמדוע\b|\bמה הסיבה\b|\bמאיזו סיבה\b",
    },
}

_EN_MONTHS = (
    r"jan(?:uary)?|feb(?:ruary)?|march|april|june|july|august|sept(?:ember)?|october|november|december"
)
_EN_DAYS = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|morning|noon|midnight|evening|night|today|tomorrow"
    r"|yesterday|daily|century"
)

CUES: dict[Kind, dict[Language, str]] = {
    "name": {
        "en": r"(?i:\bnamed?\b|\bcalled\b|\bknown as\b)",
        "vi": r"\btên\b|gọi là",
        "zh": "叫|名|称",
        "he": r"\bשמ|\bשם|קורא|נקרא",
    },
    "age": {
        "en": (
            r"(?i:\d{1,3}[- ]years?[- ]old|\baged?\b|\bturn(?:s|ed|ing) \d|\b(?:am|is|are|'m|’m"
            r"|'s) (?:now |only |already )?\d{1,3}\b(?! ?[%$€:])|years old|\bborn\b)"
        ),
        "vi": r"\d+ tuổi|tuổi|\bsinh năm",
        "zh": "岁|年龄|今年[0-9一二三四五六七八九十]+|出生",
        "he": r"\b(?:בן|בת|בני|בנות) (?:\d|[א-ת]+ים\b)|\bגיל|\bבגיל|נולד",
    },
    "work": {
        "en": (
            r"(?i:\bwork(?:s|ed|ing)?\b|\bjob\b|\bprofession\b|\b(?:am|is|'m|’m|'s) an? [a-z ]*(?:er"
            r"|or|ist|ian|ant|ent|yst|nurse|chef|pilot)\b)"
        ),
        "vi": r"\blàm\b|nghề|kỹ sư|giáo viên|bác sĩ|sinh viên|nhân viên|công việc|luật sư|kế toán|lập trình",
        "zh": "工作|职业|上班|当|从事|工程师|老师|教师|医生|学生|护士|律师|会计|程序员|是一[名个位]",
        "he": r"עובד|מקצוע|מהנדס|מור[הת]\b|רופא|סטודנט|אח(?:ות)?\b|עורכ|מתכנת|תוכניתן|עוסק",
    },
    "place": {
        "en": (
            r"(?i:\b(?:in|at|on|near|from|inside|behind|next to|opposite|street|avenue|floor|room"
            r"|located)\b)"
        ),
        "vi": r"\b(?:ở|tại|nằm|đường|phố|quận|tầng|phòng|gần|từ|quê)\b",
        "zh": "在|位于|住|路|街|楼|层|附近|来自|市|省|室|馆内",
        "he": r"\bב[א-ת]{2,}|נמצא|רחוב|\bליד\b|קומה|\bמ[א-ת]{3,}|\bמול\b",
    },
    "time": {
        "en": (
            rf"\d|(?i:\b(?:{_EN_MONTHS}|{_EN_DAYS}|years?|months?|weeks?|days|hours?|minutes?|o'clock"
            rf"|weekend)\b)|\bMay\b"
        ),
        "vi": (
            r"\d|giờ|ngày|tháng|\bnăm\b|thứ (?:hai|ba|tư|năm|sáu|bảy)|\bsáng\b|\bchiều\b|\btối\b"
            r"|chủ nhật|tuần|hôm|thế kỷ|phút"
        ),
        "zh": (
            "[0-9]|年|月|日|点|时|星期|周|上午|下午|晚|早|今天|明天|昨天|世纪|分钟|[一二三四五六七八九十]号"
        ),
        "he": (
            r"\d|שעה|שעות|\bיום|ימים|בוקר|ערב|צהריים|שבוע|חודש|שנת|שנה|שנים|ראשון|שני\b|שלישי|רביעי"
            r"|חמישי|שישי|שבת|מחר|אתמול|היום|דקות|(?:ינו|פברו)אר|מרץ|אפריל|מאי|יוני|יולי|אוגוסט|(?:ספט"
            r"|נוב|דצ)מבר|אוקטובר"
        ),
    },
    "money": {
        "en": r"(?i:[$€£¥₫₪]|\b(?:dollars?|euros?|pounds?|cents?|usd|vnd|free|costs?|price[sd]?|fee)\b)",
        "vi": r"đồng|nghìn|triệu|\bUSD\b|[₫$€]|miễn phí|\bgiá\b|\bVND\b|\d+k\b",
        "zh": "元|块|美元|免费|[¥￥$€]|人民币",
        "he": r"ש[\"״]?ח|שקל|[₪$€]|יורו|דולר|חינם|אגורות",
    },
    "count": {
        "en": (
            r"\d|(?i:\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty"
            r"|forty|fifty|hundreds?|thousands?|millions?|billions?|half|dozens?|percent|several|none"
            r"|no)\b)"
        ),
        "vi": r"\d|\b(?:một|hai|ba|bốn|năm|sáu|bảy|tám|chín|mười|trăm|nghìn|ngàn|triệu|tỷ|nửa)\b",
        "zh": "[0-9一二三四五六七八九十百千万亿两半]",
        "he": (
            r"\d|אח(?:ד|ת)\b|שני|שתי|שלוש|ארבע|חמי?ש|ש[יש]?שה?\b|שבע|שמונ|תשע|עשר|מאה|מאות|אלף|אלפי"
            r"|מיליון|חצי"
        ),
    },
    "who": {
        "en": (
            r"\b[A-Z][a-z]+ [A-Z]|\b(?:Mr|Ms|Mrs|Dr|Prof|Professor|President|Queen|King)\b"
            r"|(?<=\w )[A-Z][a-z]+|\bby\b"
        ),
        "vi": r"\b[A-ZĐÀ-Ỹ]\w+ [A-ZĐÀ-Ỹ]|\b(?:ông|bà|anh|chị|cô|thầy)\b",
        "zh": "先生|女士|教授|博士|由|是|经理|老师|主任",
        "he": r"ד[\"״]ר|פרופ|\bמר\b|גב['׳]|על ידי|מנהל|נשיא|\bהוא\b|\bהיא\b",
    },
    "why": {
        "en": (
            r"(?i:\b(?:because|since|due to|so that|reasons?|caused?|as a result|therefore|in order"
            r"|owing to|thanks to|to avoid|to save)\b)"
        ),
        "vi": r"\b(?:vì|do|bởi|nhằm|nhờ)\b|nguyên nhân|lý do|để\b",
        "zh": "因为|由于|因此|所以|原因|为了|导致|以便|以免",
        "he": r"\bכי\b|בגלל|משום|מפני|כדי|עקב|ה?סיבה|מאחר|בזכות",
    },
}

OWN_CUES: dict[Language, tuple[str, str]] = {
    "en": (
        r"(?i:\bmy (?:full |first |last )?name\b|\bcall me\b|\bi(?: am|['’]m) called\b)",
        r"\b[Ii](?: am|['’]m) (?!An? |The |In )[A-Z]\w+|\b[Tt]his is [A-Z]\w+",
    ),
    "vi": (
        r"(?i:tên (?:của )?(?:tôi|mình|em|tớ|tui)|(?:tôi|mình|em|tớ|tui) tên|(?:gọi|kêu) (?:tôi"
        r"|mình|em|tớ) là)",
        r"(?i:tôi|mình|em|tớ) là [A-ZĐÀ-Ỹ]\w*",
    ),
    "zh": ("我(?:的(?:中文|英文)?名字)?叫|我的(?:名字|姓名)|我姓|我名|叫我|称呼我", "我是"),
    "he": (r"קוראים לי|\bשמי\b|השם שלי|\bתקרא[ו]? לי\b", r"\bאני (?!ב[ןת]\b)[א-ת]{2,}"),
}
"""How people tell their own name: surely, and perhaps."""

OWN: dict[Language, str] = {
    "en": r"(?i:\b(?:i|my|mine|myself|i['’](?:m|ve|d|ll))\b)",
    "vi": r"(?i:\b(?:tôi|mình|tớ|tui|em)\b)",
    "zh": "我(?!们)|本人",
    "he": r"\b(?:אני|שלי|לי|אותי|שמי|גילי|אצלי)\b",
}
"""First person: in a question and in what the user said before."""

YOURS: dict[Language, str] = {
    "en": r"(?i:\b(?:you|your|yours|you['’]re)\b)",
    "vi": r"(?i:\b(?:bạn|mày)\b)",
    "zh": "你|您",
    "he": r"\b(?:אתה|את|שלך|לך|שמך|אותך)\b",
}
"""Second person: the model is meant, not the user."""

_POLITE: dict[Language, str] = {
    "en": (
        r"\b(?:(?:can|could|would|will) you )?(?:please )?(?:tell|remind|show|give) (?:me|us)\b"
        r"|\bi(?:'d| would)? (?:want|like|need) to (?:know|ask)\b|\bdo you (?:know|remember)\b"
        r"|\bi (?:just )?told you\b"
    ),
    "vi": (
        r"\b(?:hãy |xin |vui lòng )*(?:cho|nói|nhắc)(?: cho)? (?:tôi|mình|em|tớ) (?:biết|hỏi|nghe)?"
        r"|tôi muốn (?:biết|hỏi)|bạn có (?:biết|nhớ)|\bbạn nhớ\b"
    ),
    "zh": (
        "请?(?:你|您)?(?:能|可以)?(?:告诉|提醒)(?:一下)?我|我想(?:知道|问(?:一下)?)|请问"
        "|你(?:还)?(?:知道|记得)|帮我|给我"
    ),
    "he": (
        r"\b(?:תגיד|תגידי|ספר|ספרי|אמור|אמרי|תזכיר|תזכירי|תן|תני) לי\b|\bאני רוצה לדעת\b|\b(?:את"
        r"|אתה) (?:יודע|יודעת|זוכר|זוכרת)\b"
    ),
}

_NAME = re.compile(r"(?<=[^\W_][ ,]) *([A-ZĐÀ-ÖØ-Þ][^\W_]*)")
"""A capitalised word that does not begin the sentence."""

_FOLLOW_UP = re.compile(
    r"\b(?:it|its|he|she|him|his|her|they|them|their|that|this|there)\b|\b(?:nó|họ|ông ấy|bà ấy"
    r"|cô ấy|anh ấy|ở đó|đó)\b"
    r"|[他她它]|那里|那儿|这个|那个|\b(?:הוא|היא|הם|הן|שלו|שלה|שלהם|שם|זה|זאת|אותו|אותה)\b"
)


class Question(msgspec.Struct):
    """One question, taken apart.

    Attributes:
        language: Its language.
        kinds: What it asks for; empty = just the topic.
        terms: Its topic, without the words that told the kind.
        own: It asks what the user said of themselves.
        yours: It asks about the answering model itself.
        follow_up: A pronoun stands for something of an earlier question.
        hints: Terms of the earlier question, which help to order but not to find.
    """

    language: Language
    kinds: list[Kind]
    terms: list[Term]
    own: bool
    yours: bool
    follow_up: bool
    hints: list[Term] = []


def read(text: str, language: Language) -> Question:
    """Take one question apart."""
    normal = normalise(text)
    # Vietnamese is often typed without its diacritics: then the patterns lose theirs, too.
    plain = language == "vi" and normal == fold(normal)
    rest = _compiled(_POLITE[language], plain=plain).sub(" ", normal)
    kinds: list[Kind] = []
    asked = rest
    for kind, by_language in ASKED.items():
        pattern = _compiled(by_language[language], plain=plain)
        if pattern.search(rest):
            kinds.append(kind)
            rest = pattern.sub(" ", rest)
    return Question(
        language=language,
        kinds=kinds,
        terms=query_terms(rest, language, {normalise(name) for name in _NAME.findall(text)}),
        own=_compiled(OWN[language], plain=plain).search(asked) is not None
        or _own_by_ending(asked, language),
        yours=_compiled(YOURS[language], plain=plain).search(asked) is not None,
        follow_up=_FOLLOW_UP.search(asked) is not None,
    )


def _own_by_ending(asked: str, language: Language) -> bool:
    """Hebrew says "my name" and "my age" by an ending."""
    return language == "he" and re.search(r"\b(?:ה?שמי|גילי|מי אני)\b", asked) is not None


def _compiled(pattern: str, *, plain: bool) -> re.Pattern[str]:
    return re.compile(fold(pattern) if plain else pattern)


def can_answer(kind: Kind, sentence: str, language: Language) -> bool:
    """Whether a sentence has what an answer to `kind` has."""
    return re.search(CUES[kind][language], sentence) is not None


def speaks_of_self(sentence: str, language: Language) -> bool:
    """Whether a sentence is in the first person."""
    return re.search(OWN[language], sentence) is not None


def addresses_reader(sentence: str, language: Language) -> bool:
    """Whether a sentence is in the second person."""
    return re.search(YOURS[language], sentence) is not None


def tells_own_name(sentence: str, language: Language) -> float:
    """How surely a sentence tells its speaker's name: 1.0, 0.5 or 0.0."""
    surely, perhaps = OWN_CUES[language]
    if re.search(surely, sentence):
        return 1.0
    return 0.5 if re.search(perhaps, sentence) else 0.0
