import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Button, ErrorNotice, Field, Input, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew, type Asked } from "../data";
import { useWho } from "./people";

type Note = Schemas["NoteRead"];

/** Who did what with a question and when, and a word to the others. */
export function History({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  return (
    <Panel title={t("asking.history")}>
      <ol aria-label={t("asking.history")} className="flex flex-col gap-2 border-s-2 border-line ps-3">
        {(one.history ?? []).map((note, number) => (
          <Line key={number} note={note} />
        ))}
      </ol>
      <CommentForm requestId={one.id} />
    </Panel>
  );
}

function Line({ note }: { note: Note }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const who = useWho();
  const to = Array.isArray(note.data.to) ? note.data.to.map((one) => who(String(one))) : [];
  const comment = typeof note.data.comment === "string" ? note.data.comment : "";
  return (
    <li className="min-w-0 text-sm">
      <p className="flex flex-wrap items-baseline gap-x-2">
        <span dir="auto" className="min-w-0 break-words">
          {t(`asking.notes.${note.kind}`, { who: who(note.who) })}
          {to.length > 0 && ` ${t("asking.to", { people: to.join(", ") })}`}
        </span>
        <time className="text-xs text-muted" dateTime={note.at} title={format.time(note.at)}>
          {format.ago(note.at)}
        </time>
      </p>
      {comment && (
        <p dir="auto" className="mt-0.5 rounded-md bg-sunken px-2 py-1 break-words whitespace-pre-line">
          {comment}
        </p>
      )}
    </li>
  );
}

function CommentForm({ requestId }: { requestId: string }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const [comment, setComment] = useState("");
  const send = useMutation({
    mutationFn: () => api.post("/v1/human/{request_id}/comment", { params: { request_id: requestId }, body: { comment: comment.trim() } }),
    onSuccess: async () => {
      setComment("");
      await renew("/v1/human/{request_id}");
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    send.mutate();
  };
  return (
    <form onSubmit={submit} className="mt-4 flex flex-col gap-2">
      <Field label={t("asking.word")}>
        <Input required maxLength={10_000} pattern=".*\S.*" value={comment} onChange={(event) => setComment(event.target.value)} />
      </Field>
      {send.error && <ErrorNotice error={send.error} />}
      <Button type="submit" size="small" busy={send.isPending} className="self-end">
        {t("asking.say")}
      </Button>
    </form>
  );
}
