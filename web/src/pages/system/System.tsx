import { useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { PageBody, PageHeader } from "@/components";
import { type Tab, Tabs } from "@/components/Tabs";

import { Overview } from "./Overview";

const Audit = lazy(() => import("./audit/Audit").then((part) => ({ default: part.Audit })));
const Charts = lazy(() => import("./charts/Charts").then((part) => ({ default: part.Charts })));
const Jobs = lazy(() => import("./jobs/Jobs").then((part) => ({ default: part.Jobs })));
const Keys = lazy(() => import("./Keys").then((part) => ({ default: part.Keys })));
const Settings = lazy(() => import("./Settings").then((part) => ({ default: part.Settings })));
const Plans = lazy(() => import("./plans/Plans").then((part) => ({ default: part.Plans })));
const Upkeep = lazy(() => import("./upkeep/Upkeep").then((part) => ({ default: part.Upkeep })));
const Usage = lazy(() => import("./usage/Usage").then((part) => ({ default: part.Usage })));

/** What the operator looks after. The part shown stands behind the # of the address, and behind a / what is shown of it. */
export default function System() {
  const { t } = useTranslation("system");
  const navigate = useNavigate();
  const [wanted, shown = ""] = useLocation({ select: (location) => location.hash }).split("/");
  const ops = useMay("ops");
  const jobs = useMay("jobs:read");
  const usage = useMay("usage:read");
  const keys = useMay("keys");
  const audit = useMay("audit:read");
  const admin = useMay("admin");
  const tabs: Tab[] = [
    ...(ops ? [{ value: "overview", label: t("overview.title"), content: <Overview /> }] : []),
    ...(ops || usage ? [{ value: "charts", label: t("charts.title"), content: <Charts /> }] : []),
    ...(jobs ? [{ value: "jobs", label: t("jobs.title"), content: <Jobs jobId={shown || null} /> }] : []),
    ...(usage ? [{ value: "usage", label: t("usage.title"), content: <Usage /> }] : []),
    ...(keys ? [{ value: "keys", label: t("keys.title"), content: <Keys /> }] : []),
    ...(keys ? [{ value: "plans", label: t("plans.title"), content: <Plans /> }] : []),
    ...(audit ? [{ value: "audit", label: t("audit.title"), content: <Audit /> }] : []),
    ...(ops ? [{ value: "upkeep", label: t("upkeep.title"), content: <Upkeep /> }] : []),
    ...(admin ? [{ value: "settings", label: t("settings.title"), content: <Settings /> }] : []),
  ];
  const part = tabs.some((tab) => tab.value === wanted) ? wanted : tabs[0]?.value;
  const page = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a phone the row of parts is wider than the window: the one that is open is brought into sight.
    page.current?.querySelector("[role=tab][data-state=active]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [part]);
  return (
    <PageBody>
      <PageHeader title={t("title")} about={t("about")} />
      <div ref={page}>
        <Tabs
          label={t("title")}
          tabs={tabs}
          value={part}
          onChange={(next) => void navigate({ to: "/system", hash: next, resetScroll: false })}
        />
      </div>
    </PageBody>
  );
}
