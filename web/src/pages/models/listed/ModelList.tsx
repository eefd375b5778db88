import { useQuery } from "@tanstack/react-query";
import { ArrowDownToLine, ArrowUpFromLine, Ellipsis, Pin, Play, SearchX } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Async, Badge, EmptyState, Field, IconButton, Input, Menu, Select, Table, type Column, type MenuItem } from "@/components";
import { useFormat } from "@/i18n/format";

import { fullName, isModel, MIB, modelsQuery, statusQuery, useIsManaged, type Model, type Resident } from "../data";
import { useMoves } from "../memory/moves";
import { TRIALS, type Trial } from "../playground/trials";

const OPERATIONS = ["chat", "embeddings", "rerank", "transcriptions", "translations", "speech", "diarization"] as const;

/** Every model of every provider, and what each can do. */
export function ModelList({ onTry }: { onTry?: (trial: Trial) => void }) {
  const { t } = useTranslation("models");
  const models = useQuery(modelsQuery);
  const status = useQuery(statusQuery);
  const [sought, setSought] = useState("");
  const [operation, setOperation] = useState("");
  const words = useDeferredValue(sought.trim().toLowerCase());
  const residents = new Map(status.data?.data.map((one) => [fullName(one), one]));
  const columns = useColumns(residents, onTry);
  const fits = (model: Model): boolean =>
    isModel(model) &&
    (!operation || (model.operations ?? []).includes(operation)) &&
    [model.id, ...(model.aliases ?? [])].join(" ").toLowerCase().includes(words);
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap gap-3">
        <Field label={t("list.search")} bare className="flex-1 basis-60">
          <Input type="search" placeholder={t("list.search")} value={sought} onChange={(event) => setSought(event.target.value)} />
        </Field>
        <Field label={t("list.filter")} bare className="basis-52">
          <Select
            value={operation}
            onChange={setOperation}
            choices={[
              { value: "", label: t("list.everything") },
              ...OPERATIONS.map((one) => ({ value: one, label: t(`operations.${one}`) })),
            ]}
          />
        </Field>
      </div>
      <Async query={models}>
        {(list) => (
          <Table
            caption={t("list.title")}
            columns={columns}
            rows={list.data.filter(fits)}
            rowKey={(model) => model.id}
            empty={<EmptyState icon={SearchX} title={t("list.none")} />}
          />
        )}
      </Async>
    </section>
  );
}

function useColumns(residents: Map<string, Resident>, onTry?: (trial: Trial) => void): Column<Model>[] {
  const { t } = useTranslation("models");
  const format = useFormat();
  return [
    {
      key: "name",
      header: t("model"),
      cell: (model) => (
        <div className="min-w-36">
          <bdi className="font-medium break-all">{model.id}</bdi>
          <p className="text-muted">
            <bdi>{factsOf(model, format.number)}</bdi>
          </p>
          {(model.aliases ?? []).length > 0 && (
            <p className="text-muted">
              {t("list.aliases")} <bdi>{(model.aliases ?? []).join(", ")}</bdi>
            </p>
          )}
        </div>
      ),
    },
    { key: "operations", header: t("list.can"), cell: (model) => <Abilities model={model} /> },
    {
      key: "context",
      header: t("list.context"),
      align: "end",
      secondary: true,
      cell: (model) => (model.context_tokens ? t("list.tokens", { count: model.context_tokens, number: format.number(model.context_tokens) }) : "–"),
    },
    {
      key: "size",
      header: t("list.size"),
      align: "end",
      secondary: true,
      cell: (model) => <Size model={model} resident={residents.get(model.id)} />,
    },
    {
      key: "actions",
      header: <span className="sr-only">{t("actions")}</span>,
      align: "end",
      cell: (model) => <Actions model={model} resident={residents.get(model.id)} onTry={onTry} />,
    },
  ];
}

function factsOf(model: Model, number: (value: number) => string): string {
  const billions = model.parameters_b ?? 0;
  const parameters = billions >= 1 ? `${number(billions)} B` : billions > 0 ? `${number(Math.round(billions * 1000))} M` : null;
  return [model.family, parameters, model.quantization].filter(Boolean).join(" · ");
}

function Abilities({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  // Who chats completes as well: one word is enough.
  const operations = (model.operations ?? []).filter((one) => one !== "completions" || !model.operations?.includes("chat"));
  const more = (model.inputs ?? []).filter((one) => one !== "text");
  return (
    <span className="flex max-w-72 flex-wrap gap-1">
      {operations.map((one) => (
        <Badge key={one} kind="accent">
          {t(`operations.${one}`)}
        </Badge>
      ))}
      {more.map((one) => (
        <Badge key={one}>{t(`inputs.${one}`, { defaultValue: one })}</Badge>
      ))}
    </span>
  );
}

function Size({ model, resident }: { model: Model; resident?: Resident }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  return (
    <span className="flex flex-col items-end gap-0.5 whitespace-nowrap">
      {model.size_bytes ? <bdi>{format.bytes(model.size_bytes)}</bdi> : <span>–</span>}
      {resident?.footprint_mib && (
        <span className="text-xs text-muted">
          {t(resident.footprint_measured ? "memory.measured" : "memory.estimated", { size: format.bytes(resident.footprint_mib * MIB) })}
        </span>
      )}
      {resident && resident.state !== "absent" && <Badge kind="good">{t(`states.${resident.state}`)}</Badge>}
    </span>
  );
}

function Actions({ model, resident, onTry }: { model: Model; resident?: Resident; onTry?: (trial: Trial) => void }) {
  const { t } = useTranslation("models");
  const mayWrite = useMay("models:write");
  const isManaged = useIsManaged();
  const moves = useMoves();
  const what = TRIALS.find((one) => model.operations?.includes(one));
  const isIn = resident !== undefined && resident.state !== "absent";
  const items: MenuItem[] = [
    ...(onTry && what ? [{ label: t("list.try"), icon: Play, onSelect: () => onTry({ what, model: model.id }) }] : []),
    ...(mayWrite && isManaged(model)
      ? [
          { label: t("memory.load"), icon: ArrowDownToLine, disabled: isIn, onSelect: () => moves.load(model.id, null) },
          { label: t("memory.pin"), icon: Pin, disabled: resident?.pinned, onSelect: () => moves.load(model.id, true) },
          { label: t("memory.unload"), icon: ArrowUpFromLine, disabled: !isIn, onSelect: () => moves.unload(model.id) },
        ]
      : []),
  ];
  if (items.length === 0) return null;
  return (
    <Menu
      label={t("actions")}
      trigger={<IconButton icon={Ellipsis} size="small" busy={moves.isMoving} label={t("actionsOf", { name: model.id })} />}
      items={items}
    />
  );
}
