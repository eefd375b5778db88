import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMe } from "@/api/me";
import { Button, ErrorNotice, Field, Input, useToast } from "@/components";

import { useRenewPlans, type Plan } from "./data";

/** Puts a plan in force for a tenant, a user, an app, or a user in an app. */
export function AssignForm({ plan, onDone }: { plan: Plan; onDone: () => void }) {
  const { t } = useTranslation("system");
  const me = useMe();
  const toast = useToast();
  const renew = useRenewPlans();
  const admin = me.scopes.includes("admin");
  const [site, setSite] = useState(plan.site_id ?? "");
  const [user, setUser] = useState("");
  const [app, setApp] = useState("");
  const assign = useMutation({
    mutationFn: () =>
      api.put("/v1/quota-assignments", {
        body: { plan_id: plan.id, site_id: site.trim() || null, user_id: user.trim() || null, app_id: app.trim() || null },
      }),
    onSuccess: async () => {
      await renew();
      toast.done(t("plans.assigned", { name: plan.name }));
      onDone();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    assign.mutate();
  };
  // What a whole tenant may is for admins: others name a user or an app.
  const narrow = !admin && !user.trim() && !app.trim();
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {admin && (
        <Field label={t("plans.site")} hint={plan.site_id === null ? t("keys.tenantHint") : t("plans.siteFixed")}>
          <Input dir="ltr" maxLength={200} disabled={plan.site_id !== null} value={site} placeholder={me.site_id ?? ""} onChange={(event) => setSite(event.target.value)} />
        </Field>
      )}
      <Field label={t("plans.user")} hint={t("plans.userHint")}>
        <Input dir="ltr" maxLength={200} value={user} onChange={(event) => setUser(event.target.value)} />
      </Field>
      <Field label={t("plans.app")} hint={t("plans.appHint")}>
        <Input dir="ltr" maxLength={200} value={app} onChange={(event) => setApp(event.target.value)} />
      </Field>
      <p className="text-sm text-muted">{t("plans.assignAbout")}</p>
      {assign.error && <ErrorNotice error={assign.error} />}
      <Button type="submit" look="primary" busy={assign.isPending} disabled={narrow} className="self-end">
        {t("plans.assign")}
      </Button>
    </form>
  );
}
