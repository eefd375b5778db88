import { useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { PageBody, PageHeader } from "@/components";
import { type Tab, Tabs } from "@/components/Tabs";

import { Memory } from "./memory/Memory";
import type { Trial } from "./playground/trials";

const Aliases = lazy(() => import("./aliases/Aliases").then((part) => ({ default: part.Aliases })));
const ModelList = lazy(() => import("./listed/ModelList").then((part) => ({ default: part.ModelList })));
const Playground = lazy(() => import("./playground/Playground").then((part) => ({ default: part.Playground })));
const Providers = lazy(() => import("./providers/Providers").then((part) => ({ default: part.Providers })));
const Pulls = lazy(() => import("./pulls/Pulls").then((part) => ({ default: part.Pulls })));

/** What can be asked, what is in memory, and where it comes from. The part shown stands behind the # of the address. */
export default function Models() {
  const { t } = useTranslation("models");
  const navigate = useNavigate();
  const wanted = useLocation({ select: (location) => location.hash });
  const [trial, setTrial] = useState<Trial>({ what: "chat", model: null });
  const mayChange = useMay("providers");
  const mayPull = useMay("jobs:read");
  const mayAsk = useMay("inference");
  const show = (part: string): void => void navigate({ to: "/models", hash: part, resetScroll: false });
  const tryOut = (next: Trial): void => {
    setTrial(next);
    show("playground");
  };
  const tabs: Tab[] = [
    { value: "memory", label: t("memory.title"), content: <Memory /> },
    { value: "list", label: t("list.title"), content: <ModelList onTry={mayAsk ? tryOut : undefined} /> },
    ...(mayPull ? [{ value: "downloads", label: t("pulls.title"), content: <Pulls /> }] : []),
    { value: "aliases", label: t("aliases.title"), content: <Aliases /> },
    ...(mayChange ? [{ value: "providers", label: t("providers.title"), content: <Providers /> }] : []),
    ...(mayAsk
      ? [{ value: "playground", label: t("try.title"), content: <Playground trial={trial} onChange={setTrial} /> }]
      : []),
  ];
  const part = tabs.some((tab) => tab.value === wanted) ? wanted : "memory";
  return (
    <PageBody>
      <PageHeader title={t("title")} about={t("about")} />
      <Tabs label={t("title")} tabs={tabs} value={part} onChange={show} />
    </PageBody>
  );
}
