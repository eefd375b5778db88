import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { asApiError } from "@/api/problem";
import { Async, Button, ErrorNotice, Panel } from "@/components";

import { useRenew } from "../data";
import { Changes } from "../importing/Changes";

/** What the source of a capability says now; it is taken over by hand. */
export function Drift({ name }: { name: string }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const params = { name };
  const drift = useQuery({ ...get("/v1/capabilities/{name}/drift", { params }), retry: false });
  const approve = useMutation({
    mutationFn: () => api.post("/v1/capabilities/{name}/approve", { params }),
    onSuccess: () => renew("/v1/capabilities", "/v1/capabilities/{name}", "/v1/capabilities/{name}/versions"),
  });
  if (drift.error && asApiError(drift.error).status === 404) {
    // Another import found it gone, and switched it off: there is nothing to take over.
    return (
      <Panel title={t("drift.title")}>
        <p className="text-muted">{t("drift.gone")}</p>
      </Panel>
    );
  }
  return (
    <Panel
      title={t("drift.title")}
      actions={
        <Button size="small" look="primary" busy={approve.isPending} onClick={() => approve.mutate()}>
          {t("drift.approve")}
        </Button>
      }
    >
      <p className="mb-2 text-muted">{t("drift.about")}</p>
      {approve.error && <ErrorNotice error={approve.error} className="mb-2" />}
      <Async query={drift}>
        {(found) => (
          <>
            {found.reason !== "changed" && <p className="mb-2">{t(`drift.reasons.${found.reason}`)}</p>}
            <Changes of={name} changes={found.changes} />
          </>
        )}
      </Async>
    </Panel>
  );
}
