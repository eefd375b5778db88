import { useInfiniteQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api, pages } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, Confirm, Pager } from "@/components";

import { useRenew, type Flow } from "../data";
import { Versions } from "../json/Versions";
import { Head, ToButton } from "../parts";

/** What a flow said before, what is other between two versions; an old one can be run, and put into force again. */
export default function FlowVersions({ name }: { name: string }) {
  const { t } = useTranslation("tasks");
  const mayRun = useMay("tasks");
  const found = useInfiniteQuery(pages("/v1/flows/{name}/versions", { params: { name }, query: { limit: 50 } }));
  return (
    <section className="flex flex-col gap-4">
      <Head part="flows" id={name} back={name} title={t("versions.title")} />
      <Async query={found}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.data);
          const newest = rows[0]?.version ?? 0;
          return (
            <Versions
              of={name}
              inForce={newest}
              versions={rows.map((row) => ({ number: row.version, at: row.created_at, value: row.spec }))}
              actionsOf={({ number }) => (
                <>
                  {mayRun && (
                    <ToButton part="flows" id={number === newest ? `${name}/run` : `${name}/run/${number}`} size="small" icon={Play}>
                      {t("flowRun.version", { number })}
                    </ToButton>
                  )}
                  {number !== newest && <Return flow={rows.find((row) => row.version === number)!} />}
                </>
              )}
            />
          );
        }}
      </Async>
      <Pager query={found} />
    </section>
  );
}

/** Keeps an old version again, as the newest. */
function Return({ flow }: { flow: Flow }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const back = async (): Promise<void> => {
    await api.put("/v1/flows/{name}", { params: { name: flow.name }, body: flow.spec });
    await renew("/v1/flows", "/v1/flows/{name}", "/v1/flows/{name}/versions");
  };
  return (
    <Confirm
      danger={false}
      title={t("versions.returnTitle", { number: flow.version })}
      about={t("versions.returnAbout")}
      action={t("versions.return")}
      onConfirm={back}
      trigger={<Button size="small">{t("versions.returnOf", { number: flow.version })}</Button>}
    />
  );
}
