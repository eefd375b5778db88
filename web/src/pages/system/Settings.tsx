import { useQuery } from "@tanstack/react-query";
import { SearchX } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";

import { get, type Schemas } from "@/api/client";
import { Async, Badge, Checkbox, EmptyState, Field, Input, Table, type Column } from "@/components";

type Setting = Schemas["SettingRead"];

/** Settings in force, and where each came from. They are changed where they stand, and read at the start. */
export function Settings() {
  const { t } = useTranslation("system");
  const settings = useQuery(get("/v1/settings"));
  const [sought, setSought] = useState("");
  const [changed, setChanged] = useState(false);
  const words = useDeferredValue(sought.trim().toLowerCase());
  const columns: Column<Setting>[] = [
    {
      key: "name",
      header: t("settings.name"),
      cell: (one) => (
        <>
          <code className="font-medium">{one.name}</code>
          <p dir="ltr" lang="en" className="max-w-96 text-start text-muted">
            {one.description}
          </p>
        </>
      ),
    },
    {
      key: "value",
      header: t("settings.value"),
      cell: (one) => <code className="break-all">{written(one.value)}</code>,
    },
    {
      key: "source",
      header: t("settings.source"),
      cell: (one) => <Badge kind={one.source === "default" ? "neutral" : "accent"}>{t(`settings.sources.${one.source}`)}</Badge>,
    },
    { key: "env", header: t("settings.env"), secondary: true, cell: (one) => one.env && <code className="text-xs break-all">{one.env}</code> },
  ];
  return (
    <section className="flex flex-col gap-3">
      <p className="max-w-prose text-muted">{t("settings.about")}</p>
      <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
        <Field label={t("settings.search")} bare className="flex-1 basis-60">
          <Input type="search" placeholder={t("settings.search")} value={sought} onChange={(event) => setSought(event.target.value)} />
        </Field>
        <Checkbox label={t("settings.changedOnly")} checked={changed} onChange={(event) => setChanged(event.target.checked)} />
      </div>
      <Async query={settings}>
        {(list) => (
          <Table
            caption={t("settings.title")}
            columns={columns}
            rowKey={(one) => one.name}
            rows={list.data.filter(
              (one) =>
                (!changed || one.source !== "default") &&
                `${one.name} ${one.env} ${one.description}`.toLowerCase().includes(words),
            )}
            empty={<EmptyState icon={SearchX} title={t("settings.none")} />}
          />
        )}
      </Async>
    </section>
  );
}

function written(value: unknown): string {
  if (value === null || value === "") return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
