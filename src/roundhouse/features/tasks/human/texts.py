"""The words of the page behind a link, in the languages of the product."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RIGHT_TO_LEFT = frozenset({"he"})

TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "due": "Please answer by {at}.",
            "tries": "What was tried",
            "input": "What it is about",
            "draft": "Draft",
            "answer": "Your answer",
            "json": "As JSON",
            "comment": "Comment",
            "send": "Send the answer",
            "approve": "Approve",
            "reject": "Reject",
            "thanks": "Thank you. Your answer is kept.",
            "rejected": "Thank you. Your no is kept.",
            "answered": "This has been answered already.",
            "expired": "The time for this is over.",
            "unknown": "There is no such link.",
            "invalid": "The answer does not fit: {why}",
        },
        "vi": {
            "due": "Vui lòng trả lời trước {at}.",
            "tries": "Những gì đã thử",
            "input": "Nội dung yêu cầu",
            "draft": "Bản nháp",
            "answer": "Câu trả lời của bạn",
            "json": "Dạng JSON",
            "comment": "Ghi chú",
            "send": "Gửi câu trả lời",
            "approve": "Chấp thuận",
            "reject": "Từ chối",
            "thanks": "Cảm ơn bạn. Câu trả lời đã được lưu.",
            "rejected": "Cảm ơn bạn. Lời từ chối đã được lưu.",
            "answered": "Yêu cầu này đã được trả lời.",
            "expired": "Đã hết thời hạn trả lời.",
            "unknown": "Không có liên kết này.",
            "invalid": "Câu trả lời không hợp lệ: {why}",
        },
        "zh": {
            "due": "请在 {at} 之前答复。",
            "tries": "已尝试的步骤",
            "input": "请求内容",
            "draft": "草稿",
            "answer": "您的答复",
            "json": "JSON 格式",
            "comment": "备注",
            "send": "提交答复",
            "approve": "批准",
            "reject": "拒绝",
            "thanks": "谢谢，您的答复已保存。",
            "rejected": "谢谢，您的拒绝已保存。",
            "answered": "该请求已有人答复。",
            "expired": "答复时间已过。",
            "unknown": "没有这个链接。",
            "invalid": "答复不符合要求：{why}",
        },
        "he": {
            "due": "נא להשיב עד {at}.",
            "tries": "מה נוסה",
            "input": "במה מדובר",
            "draft": "טיוטה",
            "answer": "התשובה שלך",
            "json": "כ־JSON",
            "comment": "הערה",
            "send": "שליחת התשובה",
            "approve": "אישור",
            "reject": "דחייה",
            "thanks": "תודה. התשובה נשמרה.",
            "rejected": "תודה. הדחייה נשמרה.",
            "answered": "כבר ניתנה תשובה.",
            "expired": "הזמן למענה עבר.",
            "unknown": "אין קישור כזה.",
            "invalid": "התשובה אינה מתאימה: {why}",
        },
    }
)


def language_of(accepted: str) -> str:
    """The first language of an Accept-Language header that there are words in, English if there is none."""
    for part in accepted.split(",")[:20]:
        code = part.partition(";")[0].strip().lower().partition("-")[0]
        # The code of Hebrew before 1989 is still sent.
        code = {"iw": "he"}.get(code, code)
        if code in TEXTS:
            return code
    return "en"
