import { useMutation } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { Button, Checkbox, ErrorNotice, Field, IconButton, Input } from "@/components";

/** What is asked of a webhook. `headers` null = those that it has stay: what they say is never shown again. */
export interface Wanted {
  url: string;
  events: string[];
  description: string;
  thin: boolean;
  headers: Record<string, string> | null;
}

export interface WebhookFormProps {
  begin: Omit<Wanted, "headers">;
  /** Names of the headers it has; none where it is made. */
  headerNames: string[];
  /** It has no address of its own: each task names one. */
  ofTasks?: boolean;
  action: string;
  onSend: (wanted: Wanted) => Promise<unknown>;
}

/** The form of a webhook, new or there already. */
export function WebhookForm({ begin, headerNames, ofTasks = false, action, onSend }: WebhookFormProps) {
  const { t } = useTranslation("tasks");
  const [url, setUrl] = useState(begin.url);
  const [events, setEvents] = useState(begin.events.join(" "));
  const [description, setDescription] = useState(begin.description);
  const [thin, setThin] = useState(begin.thin);
  const [headers, setHeaders] = useState<[string, string][] | null>(headerNames.length > 0 ? null : []);
  const send = useMutation({
    mutationFn: () =>
      onSend({
        url: url.trim(),
        events: words(events),
        description: description.trim(),
        thin,
        headers: headers && Object.fromEntries(headers.filter(([name]) => name.trim()).map(([name, value]) => [name.trim(), value])),
      }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    send.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {!ofTasks && (
        <>
          <Field label={t("webhooks.url")} hint={t("webhooks.urlHint")}>
            <Input required type="url" dir="ltr" value={url} onChange={(event) => setUrl(event.target.value)} />
          </Field>
          <Field label={t("webhooks.events")} hint={t("webhooks.eventsHint")}>
            <Input required dir="ltr" value={events} onChange={(event) => setEvents(event.target.value)} />
          </Field>
        </>
      )}
      <Field label={t("webhooks.description")}>
        <Input maxLength={500} value={description} onChange={(event) => setDescription(event.target.value)} />
      </Field>
      <Checkbox label={t("webhooks.thin")} checked={thin} onChange={(event) => setThin(event.target.checked)} />
      <Headers kept={headerNames} rows={headers} onChange={setHeaders} />
      {send.error && <ErrorNotice error={send.error} />}
      <Button type="submit" look="primary" busy={send.isPending} className="self-end">
        {action}
      </Button>
    </form>
  );
}

function Headers({ kept, rows, onChange }: { kept: string[]; rows: [string, string][] | null; onChange: (rows: [string, string][]) => void }) {
  const { t } = useTranslation("tasks");
  const change = (at: number, row: [string, string]): void => onChange((rows ?? []).map((one, number) => (number === at ? row : one)));
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{t("hooks.headers")}</legend>
      {rows === null ? (
        <div className="flex flex-wrap items-center gap-2 text-sm">
          <code dir="ltr" className="min-w-0 flex-1 break-all">
            {kept.join(", ")}
          </code>
          <Button size="small" onClick={() => onChange([["", ""]])}>
            {t("hooks.replaceHeaders")}
          </Button>
        </div>
      ) : (
        <>
          {rows.map(([name, value], at) => (
            <div key={at} dir="ltr" className="flex flex-wrap items-center gap-2">
              <Input
                aria-label={t("hooks.headerName", { number: at + 1 })}
                placeholder="authorization"
                className="flex-1 basis-32"
                value={name}
                onChange={(event) => change(at, [event.target.value, value])}
              />
              <Input
                aria-label={t("hooks.headerValue", { number: at + 1 })}
                type="password"
                autoComplete="off"
                className="flex-1 basis-32"
                value={value}
                onChange={(event) => change(at, [name, event.target.value])}
              />
              <IconButton icon={X} size="small" label={t("hooks.removeHeader", { number: at + 1 })} onClick={() => onChange(rows.filter((_, number) => number !== at))} />
            </div>
          ))}
          <Button size="small" icon={Plus} className="self-start" onClick={() => onChange([...rows, ["", ""]])}>
            {t("hooks.addHeader")}
          </Button>
        </>
      )}
      <p className="text-sm text-muted">{t("hooks.headersHint")}</p>
    </fieldset>
  );
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
