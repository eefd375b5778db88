import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Badge } from "@/components";

import type { Import } from "../data";
import { Fold } from "../parts";
import { Changes } from "./Changes";

/** What an import would change, kind by kind. */
export function ImportResult({ found }: { found: Import }) {
  const { t } = useTranslation("tasks");
  return (
    <section aria-label={t("import.result")} aria-live="polite" className="flex flex-col gap-3 rounded-lg border border-line p-3">
      <h3 className="font-semibold">
        <bdi>
          {found.title} {found.version}
        </bdi>
      </h3>
      <Group mark={<Badge kind="good">{t("import.added", { number: found.added.length })}</Badge>} count={found.added.length}>
        {found.added.map((one) => (
          <li key={one.name}>
            <code className="break-all">{one.name}</code> <span className="text-sm text-muted">{one.operation}</span>
          </li>
        ))}
      </Group>
      <Group mark={<Badge kind="accent">{t("import.changed", { number: found.changed.length })}</Badge>} count={found.changed.length}>
        {found.changed.map((one) => (
          <li key={one.name}>
            <Fold
              title={
                <span className="min-w-0">
                  <code className="break-all">{one.name}</code> <span className="font-normal text-muted">{one.operation}</span>
                </span>
              }
            >
              <Changes of={one.name} changes={one.changes} />
            </Fold>
          </li>
        ))}
      </Group>
      <Names mark={<Badge kind="warn">{t("import.removed", { number: found.removed.length })}</Badge>} names={found.removed} />
      <Names mark={<Badge>{t("import.unchanged", { number: found.unchanged.length })}</Badge>} names={found.unchanged} />
      <Names mark={<Badge kind="bad">{t("import.conflicts", { number: found.conflicts.length })}</Badge>} names={found.conflicts} />
      <Group mark={<Badge kind="warn">{t("import.skipped", { number: found.skipped.length })}</Badge>} count={found.skipped.length}>
        {found.skipped.map((one) => (
          <li key={one.operation} className="text-sm">
            <code className="break-all">{one.operation}</code> <bdi className="text-muted">{one.reason}</bdi>
          </li>
        ))}
      </Group>
    </section>
  );
}

function Group({ mark, count, children }: { mark: ReactNode; count: number; children: ReactNode }) {
  if (count === 0) return null;
  return (
    <div className="min-w-0">
      <div className="mb-1">{mark}</div>
      <ul className="flex flex-col gap-1">{children}</ul>
    </div>
  );
}

function Names({ mark, names }: { mark: ReactNode; names: string[] }) {
  return (
    <Group mark={mark} count={names.length}>
      {names.map((name) => (
        <li key={name}>
          <code className="break-all">{name}</code>
        </li>
      ))}
    </Group>
  );
}
