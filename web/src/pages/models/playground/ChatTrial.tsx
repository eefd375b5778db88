import { Send, Square } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { Button, ErrorNotice, Field, Panel, Textarea } from "@/components";
import { useFormat } from "@/i18n/format";

import { Code } from "./Code";
import { Facts } from "./Facts";
import { chatSnippets, type ChatAsked } from "./snippets";
import { useChat, type Answer } from "./useChat";

/** A question, and the answer as it streams. */
export function ChatTrial({ model }: { model: string }) {
  const { t } = useTranslation("models");
  const [system, setSystem] = useState("");
  const [question, setQuestion] = useState(() => t("try.question"));
  const chat = useChat();
  const asked: ChatAsked = {
    model,
    messages: [
      ...(system.trim() ? [{ role: "system", content: system.trim() }] : []),
      { role: "user", content: question.trim() },
    ],
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void chat.ask(asked);
  };
  return (
    <>
      <div className="grid gap-4 lg:grid-cols-2">
        <Panel>
          <form onSubmit={submit} className="flex flex-col gap-4">
            <Field label={t("try.system")}>
              <Textarea rows={2} value={system} onChange={(event) => setSystem(event.target.value)} />
            </Field>
            <Field label={t("try.message")}>
              <Textarea required rows={4} value={question} onChange={(event) => setQuestion(event.target.value)} />
            </Field>
            {chat.busy ? (
              <Button icon={Square} className="self-end" onClick={chat.stop}>
                {t("try.stop")}
              </Button>
            ) : (
              <Button type="submit" look="primary" icon={Send} className="self-end" disabled={!question.trim()}>
                {t("try.send")}
              </Button>
            )}
          </form>
        </Panel>
        <Panel title={t("try.answer")}>
          <div aria-live="polite" aria-busy={chat.busy} className="flex min-h-32 flex-col gap-3">
            {chat.answer ? <Shown answer={chat.answer} /> : <p className="text-muted">{t("try.noAnswer")}</p>}
            {chat.error !== null && <ErrorNotice error={chat.error} />}
          </div>
        </Panel>
      </div>
      <Code snippets={chatSnippets(`${location.origin}/v1`, asked)} />
    </>
  );
}

function Shown({ answer }: { answer: Answer }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const span = (ms: number | null): string | null => (ms === null ? null : format.duration(ms / 1000));
  return (
    <>
      {answer.thinking && (
        <p dir="auto" className="border-s-2 border-line ps-3 text-sm break-words whitespace-pre-wrap text-muted">
          {answer.thinking}
        </p>
      )}
      <p dir="auto" data-testid="answer" className="flex-1 break-words whitespace-pre-wrap">
        {answer.text}
      </p>
      <Facts
        rows={[
          [t("try.by"), answer.by],
          [t("try.why"), answer.decision],
          [t("try.first"), span(answer.firstPieceMs)],
          [t("try.whole"), span(answer.wholeMs)],
          [t("try.tokens"), answer.tokens && `${format.number(answer.tokens.prompt)} → ${format.number(answer.tokens.completion)}`],
        ]}
      />
    </>
  );
}
