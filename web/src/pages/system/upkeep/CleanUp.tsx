import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Search, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { Button, Checkbox, Confirm, ErrorNotice, Field, Input, Panel, Spinner } from "@/components";
import { useFormat } from "@/i18n/format";

import { Plan } from "./Plan";
import { Run } from "./Run";

const PARTS = ["logs", "audio", "cache"] as const;
type PartName = (typeof PARTS)[number];

interface Wish {
  parts: PartName[];
  days: number | null;
}

/** First what would be deleted, then, when that is well, its deletion. */
export function CleanUp() {
  const { t } = useTranslation("system");
  const format = useFormat();
  const queries = useQueryClient();
  const [parts, setParts] = useState<PartName[]>([...PARTS]);
  const [days, setDays] = useState("");
  // What was asked for; a change of the form makes its plan one of something else.
  const [wish, setWish] = useState<Wish | null>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const plan = useQuery({
    ...get("/v1/system/cleanup", { query: { part: wish?.parts, days: wish?.days ?? undefined } }),
    enabled: wish !== null,
    gcTime: 0,
    staleTime: Infinity,
  });
  const running = useMutation({
    mutationFn: (asked: Wish) => api.post("/v1/system/cleanup", { body: asked }),
    onSuccess: async (job) => {
      setJobId(job.id);
      setWish(null);
      await queries.invalidateQueries({ queryKey: ["/v1/jobs"] });
    },
  });
  const look = (event: FormEvent): void => {
    event.preventDefault();
    queries.removeQueries({ queryKey: ["/v1/system/cleanup"] });
    setJobId(null);
    setWish({ parts: PARTS.filter((part) => parts.includes(part)), days: days === "" ? null : Number(days) });
  };
  const choose = (part: PartName, on: boolean): void => {
    setWish(null);
    setParts(on ? [...parts, part] : parts.filter((one) => one !== part));
  };
  return (
    <Panel title={t("upkeep.clean")}>
      <form onSubmit={look} className="flex flex-col gap-4">
        <p className="text-muted">{t("upkeep.about")}</p>
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 text-sm font-medium">{t("upkeep.what")}</legend>
          {PARTS.map((part) => (
            <Checkbox
              key={part}
              className="items-start"
              label={
                <>
                  {t(`upkeep.of.${part}`)}
                  <span className="block text-sm text-muted">{t(`upkeep.ofAbout.${part}`)}</span>
                </>
              }
              checked={parts.includes(part)}
              onChange={(event) => choose(part, event.target.checked)}
            />
          ))}
        </fieldset>
        <div className="flex flex-wrap items-start gap-3">
          <Field label={t("upkeep.days")} hint={t("upkeep.daysHint")} className="flex-1 basis-48">
            <Input
              type="number"
              min={0}
              max={36500}
              step="any"
              value={days}
              onChange={(event) => {
                setWish(null);
                setDays(event.target.value);
              }}
            />
          </Field>
          <Button type="submit" icon={Search} disabled={parts.length === 0} busy={wish !== null && plan.isFetching} className="mt-6">
            {t("upkeep.look")}
          </Button>
        </div>
      </form>
      {wish !== null && (
        <div className="mt-4 flex flex-col gap-4 border-t border-line pt-4" aria-live="polite">
          {plan.error ? (
            <ErrorNotice error={plan.error} onRetry={() => void plan.refetch()} />
          ) : plan.data === undefined ? (
            <Spinner />
          ) : (
            <>
              <Plan plan={plan.data} />
              {plan.data.count > 0 && (
                <Confirm
                  title={t("upkeep.sure", { count: plan.data.count })}
                  about={t("upkeep.sureAbout", { size: format.bytes(plan.data.size_bytes) })}
                  action={t("upkeep.run")}
                  onConfirm={() => running.mutateAsync(wish)}
                  trigger={
                    <Button look="danger" icon={Trash2} className="self-start">
                      {t("upkeep.run")}
                    </Button>
                  }
                />
              )}
            </>
          )}
        </div>
      )}
      {jobId !== null && <Run jobId={jobId} />}
    </Panel>
  );
}
