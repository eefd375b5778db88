import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Badge, Field, Json, Panel, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { Changes } from "../importing/Changes";
import { Fold } from "../parts";
import { differences } from "./differences";

/** What one version says. */
export interface Version {
  number: number;
  /** RFC 3339; null = it came with the product. */
  at: string | null;
  value: unknown;
}

export interface VersionsProps {
  /** Of what they are. */
  of: string;
  /** The newest first. */
  versions: Version[];
  /** Which one counts now. */
  inForce: number;
  /** What can be done with one. */
  actionsOf?: (version: Version) => ReactNode;
}

/** Versions of one thing: which counts, what each says, and what is other between two of them. */
export function Versions({ of, versions, inForce, actionsOf }: VersionsProps) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <ol aria-label={t("versions.title")} className="flex min-w-0 flex-col gap-3">
        {versions.map((one) => (
          <li key={one.number} className="min-w-0 rounded-lg border border-line bg-surface p-3">
            <div className="flex flex-wrap items-center gap-2">
              <h3 className="font-semibold">{t("versions.one", { number: one.number })}</h3>
              {one.number === inForce && <Badge kind="good">{t("versions.inForce")}</Badge>}
              {one.at && <span className="text-sm text-muted">{format.time(one.at)}</span>}
              {actionsOf && <div className="ms-auto flex flex-wrap gap-2">{actionsOf(one)}</div>}
            </div>
            <Fold title={t("versions.says")}>
              <Json label={t("versions.saysOf", { number: one.number })} value={one.value} />
            </Fold>
          </li>
        ))}
      </ol>
      <Between of={of} versions={versions} />
    </div>
  );
}

function Between({ of, versions }: { of: string; versions: Version[] }) {
  const { t } = useTranslation("tasks");
  const [chosen, setChosen] = useState<{ from?: number; to?: number }>({});
  const to = versions.find((one) => one.number === chosen.to) ?? versions[0];
  const from = versions.find((one) => one.number === chosen.from) ?? versions[1] ?? versions[0];
  if (!from || !to || versions.length < 2) {
    return (
      <Panel title={t("versions.between")}>
        <p className="text-muted">{t("versions.only")}</p>
      </Panel>
    );
  }
  const choices = versions.map((one) => ({ value: String(one.number), label: t("versions.one", { number: one.number }) }));
  const found = differences(from.value, to.value);
  return (
    <Panel title={t("versions.between")}>
      <div className="flex flex-col gap-4">
        <div className="grid grid-cols-2 gap-3">
          <Field label={t("versions.from")}>
            <Select choices={choices} value={String(from.number)} onChange={(next) => setChosen({ ...chosen, from: Number(next) })} />
          </Field>
          <Field label={t("versions.to")}>
            <Select choices={choices} value={String(to.number)} onChange={(next) => setChosen({ ...chosen, to: Number(next) })} />
          </Field>
        </div>
        <div role="region" aria-label={t("versions.changes")} aria-live="polite">
          {found.length === 0 ? <p className="text-muted">{t("versions.same")}</p> : <Changes of={of} changes={found} />}
        </div>
      </div>
    </Panel>
  );
}
