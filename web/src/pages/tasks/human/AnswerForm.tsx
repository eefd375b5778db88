import { useMutation, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Button, ErrorNotice, Field, Input, Panel, Select, Textarea, useToast } from "@/components";
import { JsonInput, SchemaForm } from "@/components/schema/SchemaForm";
import { least, nodeOf, type Schema } from "@/components/schema/schema";

import { useRenew, type Asked } from "../data";
import { useIsOthers } from "./Claim";
import { isUndecided } from "./Inbox";
import { Reject } from "./Reject";

/** What the form begins with. */
function begin(one: Asked): unknown {
  if (one.draft !== null && one.draft !== undefined) return one.draft;
  if (one.kind === "choose") return one.options[0];
  return one.form ? least(one.form as Schema, one.form as Schema) : null;
}

/** The next question of the list that was looked at before, null when there is none. */
function useNext(): (after: string) => string | null {
  const queries = useQueryClient();
  const isOthers = useIsOthers();
  return (after) => {
    const lists = queries.getQueriesData<InfiniteData<Schemas["HumanRequestList"]>>({ queryKey: ["/v1/human", "pages"] });
    const rows = lists.flatMap(([, data]) => data?.pages.flatMap((page) => page.data) ?? []);
    return rows.find((one) => one.id !== after && isUndecided(one.state) && !isOthers(one))?.id ?? null;
  };
}

/**
 * Answers a question: Ctrl+Enter sends it and goes on to the next one, with Shift it asks for the reason of a no, Escape
 * leads back to the list.
 */
export function AnswerForm({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const navigate = useNavigate();
  const next = useNext();
  const form = useRef<HTMLFormElement>(null);
  const [value, setValue] = useState<unknown>(() => begin(one));
  const [comment, setComment] = useState("");
  const [rejecting, setRejecting] = useState(false);
  const isOthers = useIsOthers()(one);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("input, textarea, select")?.focus();
  }, []);
  const leave = async (said: string): Promise<void> => {
    toast.done(said);
    const other = next(one.id);
    await renew("/v1/human", "/v1/human/{request_id}");
    await navigate({ to: "/tasks", hash: other === null ? "inbox" : `inbox/${other}` });
  };
  const params = { request_id: one.id };
  const answer = useMutation({
    mutationFn: () =>
      api.post("/v1/human/{request_id}/answer", { params, body: { answer: value ?? null, comment, version: one.version } }),
    onSuccess: () => leave(t("inbox.sent")),
  });
  const submit = (event: FormEvent): void => {
    // What a dialog does that was opened from here comes by here as well, wherever it is drawn.
    if (event.target !== form.current) return;
    event.preventDefault();
    if (!isOthers) answer.mutate();
  };
  const press = (event: KeyboardEvent): void => {
    if (!form.current?.contains(event.target as Node)) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (event.shiftKey) setRejecting(!isOthers);
      else form.current.requestSubmit();
    } else if (event.key === "Escape") void navigate({ to: "/tasks", hash: "inbox" });
    else return;
    event.preventDefault();
  };
  return (
    <Panel title={t("inbox.answer")}>
      <form ref={form} aria-label={t("inbox.answer")} className="flex flex-col gap-4" onSubmit={submit} onKeyDown={press}>
        <Value one={one} value={value} onChange={setValue} />
        <Field label={t("inbox.comment")}>
          <Input value={comment} maxLength={10_000} onChange={(event) => setComment(event.target.value)} />
        </Field>
        {answer.error && <ErrorNotice error={answer.error} />}
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" look="primary" busy={answer.isPending} disabled={isOthers}>
            {one.kind === "approve" ? t("inbox.approve") : one.kind === "do" ? t("inbox.isDone") : t("inbox.send")}
          </Button>
          <Reject one={one} open={rejecting} onOpenChange={setRejecting} disabled={isOthers} onSaid={() => leave(t("inbox.said"))} />
          <span className="text-sm text-muted max-sm:hidden">{t("asking.keys")}</span>
        </div>
      </form>
    </Panel>
  );
}

function Value({ one, value, onChange }: { one: Asked; value: unknown; onChange: (value: unknown) => void }) {
  const { t } = useTranslation("tasks");
  const schema = one.form as Schema | null;
  if (one.kind === "choose") {
    return (
      <Field label={t("inbox.choice")}>
        <Select
          value={JSON.stringify(value)}
          onChange={(next) => onChange(JSON.parse(next))}
          choices={one.options.map((option) => ({
            value: JSON.stringify(option),
            label: typeof option === "string" ? option : JSON.stringify(option),
          }))}
        />
      </Field>
    );
  }
  if (schema !== null) {
    const node = nodeOf(schema, schema);
    if (node.shape === "object" && node.schema.properties) {
      return <SchemaForm name="" part={schema} root={schema} value={value} onChange={onChange} />;
    }
    return <SchemaForm name={t("inbox.answer")} part={schema} root={schema} value={value} onChange={onChange} />;
  }
  if (one.kind === "approve" || one.kind === "do") return null;
  if (value !== null && typeof value !== "string") return <JsonInput label={t("inbox.answer")} value={value} onChange={onChange} />;
  return (
    <Field label={t("inbox.answer")}>
      <Textarea value={value ?? ""} onChange={(event) => onChange(event.target.value)} />
    </Field>
  );
}
