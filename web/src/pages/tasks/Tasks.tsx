import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { PageBody, PageHeader, Tabs, type Tab } from "@/components";

import { Capabilities } from "./capabilities/Capabilities";
import { CapabilityPage } from "./capabilities/CapabilityPage";
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
  const webhooks = useMay("webhooks");
  const tabs: Tab[] = [
    ...(tasks
      ? [
          { value: "tasks", label: t("list.title"), content: shown ? <TaskPage key={shown} taskId={shown} /> : <TaskList /> },
          {
            value: "capabilities",
            label: t("capabilities.title"),
            content: shown ? <CapabilityPage key={shown} name={shown} /> : <Capabilities />,
          },
        ]
      : []),
    ...(webhooks
      ? [
          {
            value: "webhooks",
            label: t("webhooks.title"),
            content: shown ? <WebhookPage key={shown} webhookId={shown} /> : <Webhooks />,
          },
        ]
      : []),
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
          onChange={(next) => void navigate({ to: "/tasks", hash: next, resetScroll: false })}
        />
      </div>
    </PageBody>
  );
}
