import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { PageBody, PageHeader, Tabs, type Tab } from "@/components";

import { Capabilities } from "./capabilities/Capabilities";
import { CapabilityPage } from "./capabilities/CapabilityPage";
import { FlowPage } from "./flows/FlowPage";
import { Flows } from "./flows/Flows";
import { AskedPage } from "./human/AskedPage";
import { Inbox } from "./human/Inbox";
import { TaskList } from "./tasks/TaskList";
import { TaskPage } from "./tasks/TaskPage";
import { WebhookPage } from "./webhooks/WebhookPage";
import { Webhooks } from "./webhooks/Webhooks";

/** What is done by capabilities and how. The part shown stands behind the # of the address, and behind a / what is shown of it. */
export default function Tasks() {
  const { t } = useTranslation("tasks");
  const navigate = useNavigate();
  const [wanted, shown = ""] = useLocation({ select: (location) => location.hash }).split("/");
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
      content: shown ? <CapabilityPage key={shown} name={shown} /> : <Capabilities />,
    },
    { may: flows, value: "flows", label: t("flows.title"), content: shown ? <FlowPage key={shown} name={shown} /> : <Flows /> },
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
