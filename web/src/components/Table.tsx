import clsx from "clsx";
import type { ReactNode } from "react";

export interface Column<Row> {
  key: string;
  header: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the end of their column. */
  align?: "start" | "end";
  /** Hidden below 640 px: what one can do without. */
  secondary?: boolean;
}

export interface TableProps<Row> {
  /** What the table lists, for those who do not see it. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  onRowClick?: (row: Row) => void;
  /** Shown instead when there are no rows. */
  empty?: ReactNode;
}

/**
 * Rows and columns; scrolls on its own where it is wider than the page. Cells lie in the direction of the page, so that
 * columns stay straight; text finds its own inside of one. Elements in a cell do the same by `<bdi>`.
 */
export function Table<Row>({ caption, columns, rows, rowKey, onRowClick, empty }: TableProps<Row>) {
  if (rows.length === 0 && empty !== undefined) return <>{empty}</>;
  const place = (column: Column<Row>): string =>
    clsx(column.align === "end" ? "text-end tabular-nums" : "text-start", column.secondary && "max-sm:hidden");
  return (
    <div
      tabIndex={0}
      role="region"
      aria-label={caption}
      // What is there for the ear alone has its place inside, or the page would be as wide as the table.
      className="relative overflow-x-auto rounded-lg border border-line bg-surface"
    >
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b border-line bg-sunken">
            {columns.map((column) => (
              <th key={column.key} scope="col" className={clsx("px-3 py-2 font-medium whitespace-nowrap text-muted", place(column))}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              className={clsx("border-b border-line last:border-0", onRowClick && "cursor-pointer hover:bg-sunken")}
              onClick={onRowClick && (() => onRowClick(row))}
            >
              {columns.map((column) => (
                <td key={column.key} className={clsx("px-3 py-2 align-middle", place(column))}>
                  {isolated(column.cell(row))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Text that finds its own direction, and leaves that of the cell as it is. */
function isolated(shown: ReactNode): ReactNode {
  return typeof shown === "string" ? <bdi>{shown}</bdi> : shown;
}
