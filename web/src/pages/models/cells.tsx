import { useTranslation } from "react-i18next";

import type { Column } from "@/components";

/**
 * Columns whose cells all stand in the direction of the page: what they hold are names of models, which say nothing
 * about a direction, and a column of them belongs below its header.
 */
export function useAligned<Row>(columns: Column<Row>[]): Column<Row>[] {
  const { i18n } = useTranslation();
  const dir = i18n.dir();
  return columns.map((column) => ({ ...column, cell: (row) => <div dir={dir}>{column.cell(row)}</div> }));
}
