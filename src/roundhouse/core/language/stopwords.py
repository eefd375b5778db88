"""Words that carry no topic, in four languages; question words are among them."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = _words(
    "a about above after again against all also am an and any are as at be because been before"
    " being below between both"
    " but by can could did do does doing done down during each few for from further get got had"
    " has have having he her"
    " here hers herself him himself his how i if in into is it its itself just let ll me might"
    " more most much many must"
    " my myself no nor not now of off on once only or other our ours out over own re s same shall"
    " she should so some"
    " such t than that the their theirs them then there these they this those through to too"
    " under until up us ve very"
    " was we were what when where which while who whom whose why will with within would you your"
    " yours yourself m d"
    " please tell know say says said give show explain find answer question according text"
    " document context passage"
    " article following hello hi hey thanks thank okay ok yes like mean means want need kind sort"
    " type exactly"
)
VIETNAMESE = _words(
    "là của và các những một có không được cho với trong trên dưới tại ở từ đến về này đó kia ấy"
    " thì mà nhưng hay hoặc"
    " nếu vì do bởi nên để khi lúc đã đang sẽ vừa mới còn cũng chỉ rất quá lắm hơn nhất như thế"
    " nào gì sao đâu ai bao"
    " nhiêu mấy bị ra vào lên xuống lại đi rồi vẫn cứ theo qua giữa sau trước bằng cùng cả mọi"
    " mỗi từng nhiều ít tôi"
    " tao mình bạn anh chị em ông bà nó họ chúng ta tớ hãy xin vui lòng biết cho nói trả lời câu"
    " hỏi hỏi nhé ạ à ư nhỉ"
    " việc điều cái chiếc con người sự thời giờ tên chào văn bản đoạn tài liệu đây vậy phải rằng nơi dùng"
) - {"người", "thời", "giờ", "tên", "con", "bản"}
HEBREW = _words(
    "של את על עם אל מן או כי אם גם רק לא כן הוא היא הם הן אני אתה אנחנו אתם אתן זה זאת זו אלה אלו"
    " יש אין היה הייתה היו"
    " יהיה תהיה יהיו להיות כל כמו כדי בין לפני אחרי תחת מעל עד אבל אך אולם לכן אז כאן שם מה מי"
    " איפה היכן מתי למה מדוע"
    " איך כיצד כמה איזה איזו אילו האם לי לך לו לה לנו לכם להם שלי שלך שלו שלה שלנו שלכם שלהם אותי"
    " אותך אותו אותה אותם"
    " בו בה בהם ידי אשר עוד מאוד יותר ביותר פחות כבר עדיין בבקשה תגיד תגידי תן תני ספר ספרי הסבר"
    " לפי הטקסט המסמך שאלה"
    " תשובה שלום תודה אפשר צריך רוצה לדעת באיזה באיזו מאיפה לאן שבו שבה בשביל אצל נו"
)
CHINESE = re.compile(
    "什么时候|为什么|怎么样|怎么|什么|多少|哪里|哪儿|哪些|哪个|哪一|哪年|哪天|谁的|几点|几个|几号"
    "|多久|多大|如何|是否|"
    "有没有|是不是|能不能|可以|请问|请|告诉|知道|根据|以及|因为|所以|但是|而且|或者|如果|虽然"
    "|这个|那个|这些|那些|"
    "我们|你们|他们|她们|它们|已经|还是|就是|关于|其中|进行|没有|一下|问题|回答|文章|文中|上文|下文|原文|"
    "[的了吗呢吧啊呀么是在和与及或也都就而但把被让给从到对于其之这那哪谁我你您他她它们着过很最更还又再有不以为于由所将向]"
)
