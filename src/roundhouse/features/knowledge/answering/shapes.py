"""Answers as the API shows them."""

from __future__ import annotations

import msgspec

from roundhouse.features.knowledge.answering.model import Answered
from roundhouse.features.knowledge.answering.schemas import AnswerRead, AnswerUsage, CheckRead, CitationRead


def read_answer(answered: Answered) -> AnswerRead:
    """An answer as users see it."""
    usage = answered.usage
    return AnswerRead(
        vector_store_id=answered.store_id,
        question=answered.question,
        standalone_question=answered.standalone,
        answer=answered.text,
        found=answered.found,
        language=answered.language,
        model=answered.model,
        citations=[CitationRead.model_validate(msgspec.to_builtins(one)) for one in answered.citations],
        checks=[CheckRead.model_validate(msgspec.to_builtins(one)) for one in answered.checks],
        finish_reason=answered.finish_reason,
        usage=AnswerUsage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
        ),
        warnings=list(answered.warnings),
        explain=answered.explain,
    )
