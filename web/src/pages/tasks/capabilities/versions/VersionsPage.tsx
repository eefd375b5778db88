import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api, get, pages, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, Confirm, Pager } from "@/components";

import { useRenew, type Capability } from "../../data";
import { Versions } from "../../json/Versions";
import { Head } from "../../parts";

/** What a capability said before, what is other between two versions, and the way back to one of them. */
export default function VersionsPage({ name }: { name: string }) {
  const { t } = useTranslation("tasks");
  const params = { name };
  const now = useQuery(get("/v1/capabilities/{name}", { params }));
  const found = useInfiniteQuery(pages("/v1/capabilities/{name}/versions", { params, query: { limit: 50 } }));
  const mayChange = useMay("capabilities");
  return (
    <section className="flex flex-col gap-4">
      <Head part="capabilities" id={name} back={name} title={t("versions.title")} />
      <Async query={now}>
        {(one) => (
          <Async query={found}>
            {(data) => {
              const rows = data.pages.flatMap((page) => page.data);
              return (
                <Versions
                  of={name}
                  inForce={one.version}
                  versions={rows.map((row) => ({ number: row.version, at: row.created_at, value: saidBy(row) }))}
                  actionsOf={(version) =>
                    mayChange &&
                    one.origin !== "mcp" &&
                    version.number !== one.version && <Return one={one} to={rows.find((row) => row.version === version.number)!} />
                  }
                />
              );
            }}
          </Async>
        )}
      </Async>
      <Pager query={found} />
    </section>
  );
}

function saidBy({ input_schema, output_schema, transport, endpoint, idempotent }: Schemas["VersionRead"]): unknown {
  return { input_schema, output_schema, transport, endpoint, idempotent };
}

/** Puts into force again what an old version says, as a new one. */
function Return({ one, to }: { one: Capability; to: Schemas["VersionRead"] }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const back = async (): Promise<void> => {
    const { input_schema, output_schema, endpoint, idempotent } = to;
    await api.patch("/v1/capabilities/{name}", { params: { name: one.name }, body: { input_schema, output_schema, endpoint, idempotent } });
    await renew("/v1/capabilities", "/v1/capabilities/{name}", "/v1/capabilities/{name}/versions");
  };
  return (
    <Confirm
      danger={false}
      title={t("versions.returnTitle", { number: to.version })}
      about={t("versions.returnAbout")}
      action={t("versions.return")}
      onConfirm={back}
      trigger={<Button size="small">{t("versions.returnOf", { number: to.version })}</Button>}
    />
  );
}
