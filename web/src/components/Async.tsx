import type { ReactNode } from "react";

import { ErrorNotice } from "./ErrorNotice";
import { Spinner } from "./Progress";

export interface AsyncProps<Data> {
  /** What `useQuery` answers. */
  query: { data: Data | undefined; error: unknown; isPending: boolean; refetch: () => unknown };
  children: (data: Data) => ReactNode;
}

/** What a query has: its data, else its error with a way to try again, else that it is on its way. */
export function Async<Data>({ query, children }: AsyncProps<Data>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isPending) return <Spinner />;
  return <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />;
}
