import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get, send, type Schemas } from "@/api/client";
import { Async, Badge, Facts, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { samplesOf, total, type Sample } from "./metrics";
import { Meter } from "./parts";

const EVERY_MS = 5_000;
const MIB = 1024 * 1024;
const KINDS = { ok: "good", ready: "good", warn: "warn", degraded: "warn" } as const;

function kindOf(state: string): "good" | "warn" | "bad" {
  return KINDS[state as keyof typeof KINDS] ?? "bad";
}

/** Whether it is well, what the machine has, and what was done since the start. */
export function Overview() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <HealthPanel />
      <ReadinessPanel />
      <MachinePanel />
      <NumbersPanel />
    </div>
  );
}

function HealthPanel() {
  const { t } = useTranslation("system");
  const format = useFormat();
  // 503 is an answer here: it says what is wrong.
  const health = useQuery({
    queryKey: ["/health"],
    queryFn: async ({ signal }) => (await fetch("/health", { signal })).json() as Promise<Schemas["Health"]>,
    refetchInterval: EVERY_MS,
  });
  return (
    <Panel title={t("overview.health")}>
      <Async query={health}>
        {(state) => (
          <>
            <Facts
              rows={[
                [t("overview.state"), <Badge kind={kindOf(state.status)}>{t(`states.${state.status}`)}</Badge>],
                [t("overview.version"), <bdi>{state.version}</bdi>],
                [t("overview.uptime"), format.duration(state.uptime_s)],
                [t("overview.database"), <Badge kind={kindOf(state.database)}>{t(`states.${state.database}`)}</Badge>],
              ]}
            />
            <h3 className="mt-4 mb-1.5 font-medium">{t("overview.providers")}</h3>
            <Facts
              rows={Object.entries(state.providers).map(([name, how]) => [
                name,
                <Badge kind={kindOf(how)}>{t(`states.${how.replace(" ", "_")}`)}</Badge>,
              ])}
            />
          </>
        )}
      </Async>
    </Panel>
  );
}

function ReadinessPanel() {
  const { t } = useTranslation("system");
  const readiness = useQuery({
    queryKey: ["/readyz"],
    queryFn: async ({ signal }) => (await fetch("/readyz", { signal })).json() as Promise<Schemas["Readiness"]>,
    refetchInterval: EVERY_MS,
  });
  return (
    <Panel title={t("overview.readiness")}>
      <Async query={readiness}>
        {(state) => (
          <ul className="flex flex-col gap-2.5">
            {state.checks.map((check) => (
              <li key={check.name}>
                <div className="flex items-center gap-2">
                  <span className="flex-1 font-medium">
                    <bdi>{check.name}</bdi>
                  </span>
                  <Badge kind={check.state === "ok" ? "good" : check.state === "warn" ? "warn" : "bad"}>
                    {t(`states.${check.state}`)}
                  </Badge>
                </div>
                <p dir="auto" className="text-sm text-muted">
                  {check.detail}
                </p>
                {check.fix && (
                  <p dir="auto" className="text-sm">
                    {check.fix}
                  </p>
                )}
              </li>
            ))}
          </ul>
        )}
      </Async>
    </Panel>
  );
}

function MachinePanel() {
  const { t } = useTranslation("system");
  const format = useFormat();
  const system = useQuery({ ...get("/v1/system"), refetchInterval: EVERY_MS });
  return (
    <Panel title={t("overview.machine")}>
      <Async query={system}>
        {(state) => (
          <div className="flex flex-col gap-4">
            {state.devices.map((device) => (
              <Meter
                key={device.id}
                name={device.id === "cpu" ? t("overview.memory") : device.name}
                used={device.used_mib * MIB}
                whole={device.total_mib * MIB}
                unit={format.bytes}
              />
            ))}
            <Meter
              name={t("overview.disk")}
              used={state.disk.total_bytes - state.disk.free_bytes}
              whole={state.disk.total_bytes}
              unit={format.bytes}
            />
            <Facts
              rows={[
                [t("overview.processor"), t("overview.cores", { count: state.cpu_count, share: format.percent(state.cpu_percent / 100) })],
                [t("overview.ownMemory"), format.bytes(state.process_memory_mib * MIB)],
                [t("overview.openFiles"), format.number(state.open_files)],
                [t("overview.database"), <bdi>{state.database}</bdi>],
                [t("overview.cache"), <bdi>{state.cache}</bdi>],
                ["Python", <bdi>{state.python}</bdi>],
              ]}
            />
          </div>
        )}
      </Async>
    </Panel>
  );
}

function mean(samples: Sample[], name: string): number | null {
  const count = total(samples, `${name}_count`);
  return count ? total(samples, `${name}_sum`) / count : null;
}

function NumbersPanel() {
  const { t } = useTranslation("system");
  const format = useFormat();
  const numbers = useQuery({
    queryKey: ["/metrics"],
    queryFn: async ({ signal }) => samplesOf(await (await send("get", "/metrics", { signal })).text()),
    refetchInterval: EVERY_MS,
  });
  const seconds = (value: number | null): string => (value === null ? "–" : format.duration(value));
  return (
    <Panel title={t("overview.numbers")}>
      <Async query={numbers}>
        {(samples) => (
          <Facts
            rows={[
              [t("overview.requests"), format.number(total(samples, "roundhouse_requests_total"))],
              [t("overview.inFlight"), format.number(total(samples, "roundhouse_requests_in_flight"))],
              [t("overview.latency"), seconds(mean(samples, "roundhouse_request_duration_seconds"))],
              [t("overview.firstByte"), seconds(mean(samples, "roundhouse_time_to_first_byte_seconds"))],
              [t("overview.tokensIn"), format.number(total(samples, "roundhouse_tokens_total", { direction: "prompt" }))],
              [t("overview.tokensOut"), format.number(total(samples, "roundhouse_tokens_total", { direction: "completion" }))],
              [t("overview.jobsWaiting"), format.number(total(samples, "roundhouse_jobs", { state: "queued" }))],
              [t("overview.jobsRunning"), format.number(total(samples, "roundhouse_jobs", { state: "running" }))],
              [t("overview.executors"), format.number(total(samples, "roundhouse_executors"))],
            ]}
          />
        )}
      </Async>
      <p className="mt-3 text-sm text-muted">{t("overview.since")}</p>
    </Panel>
  );
}
