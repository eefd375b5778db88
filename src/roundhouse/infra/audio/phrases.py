"""What recognisers write when nobody speaks: phrases of the subtitles they were trained on, by language. Pure data.

Whole segments are compared, after `normalised`; a phrase within a longer sentence is never meant. Writing that has no
blanks is compared without any.
"""

from __future__ import annotations

import re
import unicodedata

Phrases = dict[str, tuple[str, ...]]

CREDITS: Phrases = {
    "en": (
        r"(subtitles?|captions?|transcription|translation)( \w+)? by the amara ?org community",
        r"(transcription|transcribed|captions?|captioning|subtitles?) (provided )?by (castingwords|otter ?ai|rev ?com)",
        r"transcription outsourcing llc.{0,20}",
        r"transcripts? provided by transcription outsourcing.{0,10}",
    ),
    "vi": (
        r"phụ đề( được)?( thực hiện| cung cấp| dịch)? bởi cộng đồng amara ?org",
        r"hãy subscribe cho kênh ghiền mì gõ để không bỏ lỡ những video hấp dẫn",
        r"hãy (subscribe|đăng ký)( cho)? kênh la la school.{0,60}",
    ),
    "zh": (
        r"(中文)?字幕由amaraorg社(区|區|群)提供",
        r"字幕志(愿|願)者(李宗盛|杨茜茜|楊茜茜|楊棟樑|杨栋梁)?.{0,6}",
        r"(请|請)?不吝(点赞|點贊|點讚)(订阅|訂閱).{0,30}",
        r"(优优独播剧场|優優獨播劇場)(yoyotelevisionseriesexclusive)?",
        r"明(镜|鏡)(与|與|需要您的支持)?.{0,4}(点点|點點)?(栏目|欄目)?(欢迎|歡迎)(订阅|訂閱).{0,10}",
    ),
    "he": (
        r"(כתוביות|תרגום|הכתוביות) .{0,20}(קהילת |על ידי קהילת )?amara ?org.{0,10}",
    ),
}  # fmt: skip
"""Said by nobody."""

FAREWELLS: Phrases = {
    "en": (
        r"(thanks?|thank you)( (all|everyone|guys))?( (so|very) much| a lot)? for (watching|viewing|listening)"
        r"( (this|the|my|our))?( (videos?|channel|podcast|episode))?( and .{1,40})?",
        r"(please |don t forget to |make sure to |remember to )?(like(,? comment)?( this video)? and )?"
        r"subscribe( to (my|our|the|this) channel)?( and .{1,40}| for more( videos)?)?",
        r"(i ll |we ll )?see you( guys| all)? (in )?(the |my |our )?(next|another) (video|one|episode|time)( bye)*",
        r"if you (like|liked|enjoy|enjoyed) (this|the) video.{0,60}",
        r"(please )?hit the (bell|like button|notification).{0,40}",
        r"(subtitles?|captions?|captioning|transcription|translation) by (?!default)\w+( \w+){0,3}",
        r"(for more information )?(please )?visit www .{2,40}",
    ),
    "vi": (
        r"(xin |xin chân thành )?(cảm ơn|cám ơn)( các bạn| quý vị| mọi người| quý vị và các bạn| bạn)?( đã)?"
        r"( quan tâm)? (theo dõi|xem|lắng nghe|đón xem|ủng hộ)( video| chương trình| kênh)?"
        r"( này| của mình| của chúng tôi)?( và (hẹn gặp lại|đừng quên).{0,60})?",
        r"(các bạn )?(hãy |nhớ |đừng quên )(like|nhấn like|bấm like)?( và )?(nhấn |bấm )?(đăng ký|subscribe)"
        r"( cho)? kênh.{0,60}",
        r"(xin chào và )?(hẹn gặp lại|tạm biệt)( các bạn| quý vị)?( ở| trong)?( những| các)? (video|tập|chương trình) "
        r"(tiếp theo|sau|lần sau|khác).{0,20}",
        r"(phụ đề|bản dịch|vietsub|dịch|biên dịch)( \w+){0,3} (bởi|được thực hiện bởi) .{2,60}",
    ),
    "zh": (
        r"(谢谢|謝謝|感谢|感謝|多谢|多謝)(大家|您|你|你们|你們|各位)?的?(观看|觀看|收看|收听|收聽|聆听|聆聽)(本视频|本影片|这个视频|這個影片)?",
        r"(请|請|欢迎|歡迎|记得|記得)?(大家)?(点赞|點讚|按赞|按讚)?(和|并|並)?(订阅|訂閱)(我的|我们的|我們的|本)?(频道|頻道)?.{0,12}",
        r"(我们|我們)?(下期|下次|下集|下个视频|下個影片|下支影片)(再见|再見|见|見)(啦|吧)?",
        r"如果(你|您)?喜(欢|歡)(我的|这个|這個|本)?(视频|影片).{0,30}",
        r"(中文)?字幕(组|組|由.{1,20}(提供|製作|制作)|(製作|制作|翻譯|翻译|校對|校对).{0,8})",
        r"(作曲|作词|作詞|编曲|編曲|词曲|詞曲|校對|校对|時間軸|时间轴).{1,12}",
    ),
    "he": (
        r"תודה( רבה)?( לכם| לכן| לכולם)? (על הצפייה|שצפיתם|על ההאזנה|שהאזנתם|על ההקשבה)( בסרטון| בסרטונים)?"
        r"( ו.{1,30})?",
        r"(אל תשכחו |אנא |בבקשה )?(להירשם|הירשמו|תירשמו|הרשמו|לעשות סאבסקרייב|תעשו סאבסקרייב|עשו סאבסקרייב)"
        r"( לערוץ| לערוץ שלי| לערוץ שלנו).{0,40}",
        r"(נתראה|להתראות|ניפגש)( לכם)? (בסרטון|בפרק|בסרטונים|בפרקים) (הבא|הבאים).{0,10}",
        r"(כתוביות|תרגום|תרגום וכתוביות|סנכרון|תורגם וסונכרן|תורגם) (על ידי|ע י) .{2,40}",
        r"הכתוביות (נוצרו|הוכנו) .{2,40}",
    ),
}  # fmt: skip
"""Said by few: the end of a video, and credits in their own words."""

COMMON: Phrases = {
    "en": (
        r"(thank you|thanks)( (so|very) much| a lot)?", r"you", r"bye( bye)*", r"okay|ok", r"i m sorry",
        r"oh|uh|hmm?|mm+", r"so", r"the end", r"beep|silence|music|applause|laughter",
    ),
    "vi": (
        r"(xin )?(cảm ơn|cám ơn)( các bạn| nhiều| rất nhiều)?", r"(xin )?tạm biệt( các bạn)?",
        r"hẹn gặp lại( các bạn)?", r"à|ừ|ờ|vâng|dạ",
    ),
    "zh": (r"(谢谢|謝謝|多谢|多謝|感谢|感謝)(大家|你|您)?", r"再见|再見|拜拜", r"嗯+|啊+|哦+|呃+|好|对|對|是"),
    "he": (r"תודה( רבה)?( לכם)?", r"להתראות|ביי( ביי)*|שלום", r"כן|לא|אה+|אמ+|טוב|בסדר"),
}  # fmt: skip
"""Said by everybody."""

_MARKS = re.compile(r"[^\w]+|_+", re.UNICODE)
_NIQQUD = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")


def normalised(text: str) -> str:
    """Lower case, composed, without punctuation, niqqud and marks of direction; words apart by one blank."""
    composed = unicodedata.normalize("NFKC", text)
    return " ".join(_MARKS.sub(" ", _NIQQUD.sub("", composed).lower()).split())
