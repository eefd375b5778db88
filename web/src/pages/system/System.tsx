import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Badge, PageBody, PageHeader, Panel } from "@/components";

export default function System() {
  const { t } = useTranslation("system");
  const health = useQuery({ ...get("/health"), refetchInterval: 5_000 });
  return (
    <PageBody>
      <PageHeader title={t("title")} about={t("about")} />
      <Panel title={t("health")}>
        <Async query={health}>{(state) => <Badge kind={state.status === "ok" ? "good" : "warn"}>{state.status}</Badge>}</Async>
      </Panel>
    </PageBody>
  );
}
