import { useTranslation } from "react-i18next";

import type { Schemas } from "@/api/client";

/** Fields before and after. */
export function Changes({ of, changes }: { of: string; changes: Schemas["ChangeRead"][] }) {
  const { t } = useTranslation("tasks");
  return (
    <ul className="flex flex-col gap-2">
      {changes.map((change) => (
        <li key={change.field} className="min-w-0 text-sm">
          <code className="break-all">{change.field}</code>
          <div className="mt-1 grid gap-2 sm:grid-cols-2">
            <Side label={t("import.beforeOf", { of, field: change.field })} look="bg-bad-soft" value={change.before} />
            <Side label={t("import.afterOf", { of, field: change.field })} look="bg-good-soft" value={change.after} />
          </div>
        </li>
      ))}
    </ul>
  );
}

function Side({ label, look, value }: { label: string; look: string; value: unknown }) {
  return (
    <pre
      dir="ltr"
      role="region"
      tabIndex={0}
      aria-label={label}
      className={`max-h-48 overflow-auto rounded-md p-2 text-start text-xs ${look}`}
    >
      {JSON.stringify(value, null, 2) ?? "–"}
    </pre>
  );
}
