import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { Column } from "@/components";

/** What stands in a cell, laid out in the direction of the page: names find their own inside it, columns stay straight. */
function Cell({ children }: { children: ReactNode }) {
  const { i18n } = useTranslation();
  return <div dir={i18n.dir()}>{children}</div>;
}

/** Columns whose cells all lie in the direction of the page. */
export function straight<Row>(columns: Column<Row>[]): Column<Row>[] {
  return columns.map((column) => ({ ...column, cell: (row) => <Cell>{column.cell(row)}</Cell> }));
}
