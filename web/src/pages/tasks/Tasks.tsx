import { useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { PageBody, PageHeader } from "@/components";
import { type Tab, Tabs } from "@/components/Tabs";

import { TaskList } from "./tasks/TaskList";

// The list that one begins with is there at once; the rest is loaded when it is looked for.
const TaskPage = lazy(() => import("./tasks/TaskPage").then((part) => ({ default: part.TaskPage })));
const Inbox = lazy(() => import("./human/Inbox").then((part) => ({ default: part.Inbox })));
const AskedPage = lazy(() => import("./human/AskedPage").then((part) => ({ default: part.AskedPage })));
const Capabilities = lazy(() => import("./capabilities/Capabilities").then((part) => ({ default: part.Capabilities })));
const CapabilityPage = lazy(() => import("./capabilities/CapabilityPage").then((part) => ({ default: part.CapabilityPage })));
const EditPage = lazy(() => import("./capabilities/editing/EditPage"));
const VersionsPage = lazy(() => import("./capabilities/versions/VersionsPage"));
const Modules = lazy(() => import("./modules/Modules"));
const Flows = lazy(() => import("./flows/Flows").then((part) => ({ default: part.Flows })));
const FlowPage = lazy(() => import("./flows/FlowPage"));
const FlowVersions = lazy(() => import("./flows/FlowVersions"));
const RunFlow = lazy(() => import("./flows/RunFlow"));
const Webhooks = lazy(() => import("./webhooks/Webhooks").then((part) => ({ default: part.Webhooks })));
const WebhookPage = lazy(() => import("./webhooks/WebhookPage").then((part) => ({ default: part.WebhookPage })));

/** The list of capabilities, one of them, or what is done with it; a new one has no name yet. */
function capabilityPart(name: string, way: string): ReactNode {
  if (way === "new" && name === "") return <EditPage key="new" name={null} />;
  if (name === "") return <Capabilities />;
  if (way === "edit") return <EditPage key={name} name={name} />;
  if (way === "versions") return <VersionsPage key={name} name={name} />;
  return <CapabilityPage key={name} name={name} />;
}

/** The list of flows, one of them, or what is done with it: `…/run/2` runs its second version. */
function flowPart(name: string, way: string, version: string): ReactNode {
  if (name === "") return <Flows />;
  if (way === "versions") return <FlowVersions key={name} name={name} />;
  if (way === "run") return <RunFlow key={`${name}@${version}`} name={name} version={Number(version) || null} />;
  return <FlowPage key={name} name={name} />;
}

/** What is done by capabilities and how. The part shown stands behind the # of the address, and behind a / what is shown of it. */
export default function Tasks() {
  const { t } = useTranslation("tasks");
  const navigate = useNavigate();
  const [wanted, shown = "", way = "", more = ""] = useLocation({ select: (location) => location.hash }).split("/");
  const tasks = useMay("tasks");
  const human = useMay("human");
  const flows = useMay("flows");
  const webhooks = useMay("webhooks");
  const parts: (Tab & { may: boolean })[] = [
    { may: tasks, value: "tasks", label: t("list.title"), content: shown ? <TaskPage key={shown} taskId={shown} /> : <TaskList /> },
    { may: human, value: "inbox", label: t("inbox.title"), content: shown ? <AskedPage key={shown} requestId={shown} /> : <Inbox /> },
    {
      may: tasks,
      value: "capabilities",
      label: t("capabilities.title"),
      content: capabilityPart(shown, way),
    },
    { may: tasks, value: "modules", label: t("modules.title"), content: <Modules /> },
    { may: flows, value: "flows", label: t("flows.title"), content: flowPart(shown, way, more) },
    {
      may: webhooks,
      value: "webhooks",
      label: t("webhooks.title"),
      content: shown ? <WebhookPage key={shown} webhookId={shown} /> : <Webhooks />,
    },
  ];
  const tabs = parts.filter((one) => one.may);
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
          onChange={(next) => void navigate({ to: "/tasks", hash: next, resetScroll: false })}
        />
      </div>
    </PageBody>
  );
}
