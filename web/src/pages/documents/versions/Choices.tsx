import { useTranslation } from "react-i18next";

import { Field, Input, Select, type Choice } from "@/components";

import { useModels } from "../data";

export const VECTOR_KINDS = ["embedded", "pgvector", "milvus"] as const;
export type VectorKind = (typeof VECTOR_KINDS)[number];

export interface EmbeddingModelProps {
  value: string;
  onChange: (model: string) => void;
  hint?: string;
  /** Offer "" as the one that the settings name. */
  usual?: boolean;
}

/** An embedding model of this server; by name where the models cannot be listed. */
export function EmbeddingModel({ value, onChange, hint, usual }: EmbeddingModelProps) {
  const { t } = useTranslation("documents");
  const models = useModels("embeddings");
  const first: Choice[] = usual ? [{ value: "", label: t("form.usual") }] : [{ value: "", label: t("form.choose"), disabled: true }];
  return (
    <Field label={t("form.model")} hint={hint}>
      {models?.length === 0 ? (
        <Input dir="ltr" required={!usual} value={value} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <Select
          required={!usual}
          value={value}
          onChange={onChange}
          choices={[...first, ...(models ?? []).map((one) => ({ value: one, label: one }))]}
        />
      )}
    </Field>
  );
}

export interface VectorsProps<Kind extends VectorKind | "auto"> {
  value: Kind;
  onChange: (kind: Kind) => void;
  usual?: boolean;
}

/** Where vectors are kept. */
export function Vectors<Kind extends VectorKind | "auto">({ value, onChange, usual }: VectorsProps<Kind>) {
  const { t } = useTranslation("documents");
  const known = VECTOR_KINDS.map((kind): Choice => ({ value: kind, label: t(`vectors.${kind}`) }));
  return (
    <Field label={t("form.vectors")}>
      <Select
        value={value}
        onChange={(kind) => onChange(kind as Kind)}
        choices={usual ? [{ value: "auto", label: t("form.usual") }, ...known] : known}
      />
    </Field>
  );
}
