import { MessagesSquare } from "lucide-react";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { EmptyState, ErrorNotice, Spinner } from "@/components";
import { VirtualList } from "@/components/VirtualList";

import type { Session } from "../state/shapes";
import { useSessions, type Folder } from "../state/sessions";
import { SessionRow } from "./SessionRow";

type Row = { key: string; heading: string } | { key: string; session: Session };
type Age = "today" | "yesterday" | "week" | "month" | "older";

const DAY_MS = 86_400_000;

function ageOf(at: string, midnight: number): Age {
  const moment = new Date(at).getTime();
  if (moment >= midnight) return "today";
  if (moment >= midnight - DAY_MS) return "yesterday";
  if (moment >= midnight - 6 * DAY_MS) return "week";
  return moment >= midnight - 29 * DAY_MS ? "month" : "older";
}

/** The sessions of a folder: pinned ones first, then by age. */
export function SessionList({ folder, current }: { folder: Folder; current: string | undefined }) {
  const { t } = useTranslation("chat");
  const pins = folder.kind === "all" || folder.kind === "tag";
  const pinned = useSessions(folder, true, pins);
  const others = useSessions(folder, false);
  const rows = useMemo(() => {
    const found: Row[] = [];
    const first = pins ? (pinned.data?.pages.flatMap((page) => page.data) ?? []) : [];
    if (first.length) found.push({ key: "pinned", heading: t("pinned") });
    for (const session of first) found.push({ key: session.id, session });
    const midnight = new Date().setHours(0, 0, 0, 0);
    let age: Age | null = null;
    const seen = new Set(first.map((one) => one.id));
    for (const session of others.data?.pages.flatMap((page) => page.data) ?? []) {
      if (seen.has(session.id)) continue;
      seen.add(session.id);
      const its = ageOf(session.updated_at, midnight);
      if (its !== age) found.push({ key: its, heading: t(`age.${its}`) });
      age = its;
      found.push({ key: session.id, session });
    }
    return found;
  }, [pinned.data, others.data, pins, t]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = others;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (others.error) return <ErrorNotice error={others.error} className="mx-3" onRetry={() => void others.refetch()} />;
  if (others.isPending) return <Spinner />;
  if (rows.length === 0) {
    return (
      <div className="px-3 pt-2">
        <EmptyState icon={MessagesSquare} title={t(`none.${folder.kind}`)} />
      </div>
    );
  }
  return (
    <VirtualList
      label={t("sessions")}
      items={rows}
      itemKey={(row) => row.key}
      estimatePx={40}
      onEnd={more}
      className="min-h-0 flex-1 px-2 pb-3"
      render={(row) =>
        "heading" in row ? (
          <p className="px-2 pt-3 pb-1 text-xs font-medium text-muted">{row.heading}</p>
        ) : (
          <SessionRow session={row.session} current={row.session.id === current} />
        )
      }
    />
  );
}
