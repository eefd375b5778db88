import { Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button, IconButton, Input, Select } from "@/components";

import { OPERATORS, type Condition, type Operator } from "./asked";

/** Conditions on attributes of files; all of them have to hold. */
export function Conditions({ conditions, onChange }: { conditions: Condition[]; onChange: (conditions: Condition[]) => void }) {
  const { t } = useTranslation("documents");
  const change = (id: number, changes: Partial<Condition>): void =>
    onChange(conditions.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{t("search.conditions")}</legend>
      {conditions.map((one) => (
        <div key={one.id} className="flex flex-wrap gap-2 sm:flex-nowrap">
          <Input
            aria-label={t("attributes.key")}
            placeholder={t("attributes.key")}
            maxLength={64}
            value={one.key}
            onChange={(event) => change(one.id, { key: event.target.value })}
          />
          <Select
            aria-label={t("search.operator")}
            className="sm:max-w-44"
            value={one.operator}
            onChange={(operator) => change(one.id, { operator: operator as Operator })}
            choices={OPERATORS.map((value) => ({ value, label: t(`search.operators.${value}`) }))}
          />
          <Input
            aria-label={t("attributes.value")}
            placeholder={one.operator === "in" || one.operator === "nin" ? t("search.values") : t("attributes.value")}
            maxLength={512}
            value={one.value}
            onChange={(event) => change(one.id, { value: event.target.value })}
          />
          <IconButton
            icon={Trash2}
            label={t("search.removeCondition")}
            onClick={() => onChange(conditions.filter((other) => other.id !== one.id))}
          />
        </div>
      ))}
      <Button
        size="small"
        icon={Plus}
        className="self-start"
        onClick={() => onChange([...conditions, { id: (conditions.at(-1)?.id ?? 0) + 1, key: "", operator: "eq", value: "" }])}
      >
        {t("search.addCondition")}
      </Button>
    </fieldset>
  );
}
