import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { PageBody, PageHeader, Tabs, type Tab } from "@/components";

import { Keys } from "./Keys";
import { Overview } from "./Overview";
import { Settings } from "./Settings";

/** What the operator looks after. */
export default function System() {
  const { t } = useTranslation("system");
  const ops = useMay("ops");
  const keys = useMay("keys");
  const admin = useMay("admin");
  const tabs: Tab[] = [
    ...(ops ? [{ value: "overview", label: t("overview.title"), content: <Overview /> }] : []),
    ...(keys ? [{ value: "keys", label: t("keys.title"), content: <Keys /> }] : []),
    ...(admin ? [{ value: "settings", label: t("settings.title"), content: <Settings /> }] : []),
  ];
  return (
    <PageBody>
      <PageHeader title={t("title")} about={t("about")} />
      <Tabs label={t("title")} tabs={tabs} />
    </PageBody>
  );
}
