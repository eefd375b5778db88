import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Inbox, RotateCw } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, pages } from "@/api/client";
import { Async, Badge, Button, EmptyState, Field, Input, Pager, Select, useToast } from "@/components";
import { useFormat } from "@/i18n/format";

import { DELIVERY_KINDS, POLL_MS, useRenew, type Delivery } from "../data";
import { Fold } from "../parts";

const DELIVERY_STATES = ["pending", "delivered", "failed", "gone"] as const satisfies Delivery["state"][];

/** What was sent to a webhook and how it was taken, the newest first. */
export function Deliveries({ webhookId }: { webhookId: string }) {
  const { t } = useTranslation("tasks");
  const [state, setState] = useState<Delivery["state"] | "">("");
  const [type, setType] = useState("");
  const [subject, setSubject] = useState("");
  // What is half typed is no type yet, and the server would say so.
  const wantedType = useDeferredValue(/^[a-z_]+\.[a-z_.]*[a-z_]$/.test(type.trim()) ? type.trim() : "");
  const wantedSubject = useDeferredValue(subject.trim());
  const narrowed = Boolean(state || wantedType || wantedSubject);
  const found = useInfiniteQuery({
    ...pages("/v1/webhooks/{webhook_id}/deliveries", {
      params: { webhook_id: webhookId },
      query: { limit: 50, state: state || undefined, type: wantedType || undefined, subject: wantedSubject || undefined },
    }),
    refetchInterval: POLL_MS,
    placeholderData: (before) => before,
  });
  return (
    <section aria-label={t("deliveries.title")} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-end gap-3">
        <h3 className="min-w-0 flex-1 basis-40 text-base font-semibold">{t("deliveries.title")}</h3>
        <Field label={t("hooks.type")} className="min-w-36 max-sm:flex-1">
          <Input dir="ltr" placeholder="job.completed" maxLength={100} value={type} onChange={(event) => setType(event.target.value)} />
        </Field>
        <Field label={t("hooks.subject")} className="min-w-36 max-sm:flex-1">
          <Input dir="ltr" placeholder="job_…" maxLength={100} value={subject} onChange={(event) => setSubject(event.target.value)} />
        </Field>
        <Field label={t("list.state")} className="min-w-36 max-sm:flex-1">
          <Select
            value={state}
            onChange={(next) => setState(next as typeof state)}
            choices={[{ value: "", label: t("list.any") }, ...DELIVERY_STATES.map((one) => ({ value: one, label: t(`deliveries.states.${one}`) }))]}
          />
        </Field>
      </div>
      <Async query={found}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.data);
          if (rows.length === 0) return <EmptyState icon={Inbox} title={t(narrowed ? "hooks.noneSuch" : "deliveries.none")} />;
          return (
            <ul className="flex flex-col gap-2">
              {rows.map((one) => (
                <DeliveryRow key={one.id} one={one} />
              ))}
            </ul>
          );
        }}
      </Async>
      <Pager query={found} />
    </section>
  );
}

function DeliveryRow({ one }: { one: Delivery }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <li className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <code className="font-medium">{one.event_type}</code>
        <code className="min-w-0 text-xs break-all text-muted">{one.subject}</code>
        <span className="ms-auto flex items-center gap-3">
          <time className="text-sm text-muted" dateTime={one.created_at} title={format.time(one.created_at)}>
            {format.ago(one.created_at)}
          </time>
          <Badge kind={DELIVERY_KINDS[one.state]}>{t(`deliveries.states.${one.state}`)}</Badge>
          {one.state !== "gone" && <Resend one={one} />}
        </span>
      </div>
      {one.url && <code className="block text-xs break-all text-muted">{one.url}</code>}
      {one.next_at && <p className="text-sm text-muted">{t("deliveries.next", { when: format.time(one.next_at) })}</p>}
      {one.tries.length > 0 && (
        <Fold title={t("deliveries.tries", { number: one.tries.length })}>
          <Tries tries={one.tries} />
        </Fold>
      )}
    </li>
  );
}

/** Sends one delivery again, or at once where it waits for its next try. */
function Resend({ one }: { one: Delivery }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const resend = useMutation({
    mutationFn: () =>
      api.post("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", { params: { webhook_id: one.webhook_id, delivery_id: one.id } }),
    onSuccess: () => renew("/v1/webhooks/{webhook_id}", "/v1/webhooks/{webhook_id}/deliveries"),
    onError: toast.failed,
  });
  return (
    <Button
      size="small"
      icon={RotateCw}
      busy={resend.isPending}
      aria-label={t("hooks.resendOf", { type: one.event_type, subject: one.subject })}
      onClick={() => resend.mutate()}
    >
      {t("hooks.resend")}
    </Button>
  );
}

function Tries({ tries }: { tries: Delivery["tries"] }) {
  const format = useFormat();
  return (
    <ol className="flex flex-col gap-2">
      {tries.map((one) => (
        <li key={one.at} className="min-w-0 border-s-2 border-line ps-3 text-sm">
          <p className="flex flex-wrap items-center gap-x-3">
            <time className="tabular-nums" dateTime={one.at} title={format.time(one.at)}>
              {format.clock(one.at)}
            </time>
            <Badge kind={one.error === null ? "good" : "bad"}>{one.status ?? one.error}</Badge>
            <span className="text-muted tabular-nums">{format.duration(one.ms / 1000)}</span>
          </p>
          {one.error && (
            <p dir="auto" className="break-words text-bad">
              {one.detail} <code>{one.error}</code>
            </p>
          )}
          {one.head && <pre dir="ltr" className="mt-1 max-h-32 overflow-auto rounded-md bg-sunken p-2 text-start text-xs whitespace-pre-wrap break-words">{one.head}</pre>}
        </li>
      ))}
    </ol>
  );
}
