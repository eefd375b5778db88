import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { meQuery, signIn } from "@/api/me";
import { Button, Checkbox, ErrorNotice, Field, Input } from "@/components";

import { Mark } from "./Mark";
import { Preferences } from "./Preferences";

/** The door: a key of this server, or a token of the system round it. There are no accounts here. */
export function SignIn() {
  const { t } = useTranslation("frame");
  const { to } = useSearch({ strict: false }) as { to?: string };
  const jwt = useSuspenseQuery(meQuery).data.ways.includes("jwt");
  const queries = useQueryClient();
  const router = useRouter();
  const [credential, setCredential] = useState("");
  const [remember, setRemember] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const enter = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(credential.trim(), remember);
      queries.clear();
      await queries.fetchQuery({ ...meQuery, staleTime: 0 });
      // Only a path of ours: a link in a letter must not lead from here to somewhere else.
      await router.navigate({ to: to?.startsWith("/") && !to.startsWith("//") ? to : "/" });
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-6 p-4">
      <form
        onSubmit={(event) => void enter(event)}
        className="flex w-full max-w-md flex-col gap-4 rounded-xl border border-line bg-surface p-6 shadow-sm"
      >
        <div className="flex items-center gap-3">
          <Mark className="size-10" />
          <h1 className="text-2xl font-semibold">{t("signIn.title")}</h1>
        </div>
        <p className="text-muted">{jwt ? t("signIn.aboutToken") : t("signIn.about")}</p>
        <Field label={jwt ? t("signIn.keyOrToken") : t("signIn.key")} hint={t("signIn.where")}>
          <Input
            type="password"
            autoComplete="current-password"
            autoFocus
            required
            dir="ltr"
            value={credential}
            onChange={(event) => setCredential(event.target.value)}
          />
        </Field>
        <Checkbox label={t("signIn.remember")} checked={remember} onChange={(event) => setRemember(event.target.checked)} />
        {error !== null && <ErrorNotice error={error} />}
        <Button type="submit" look="primary" busy={busy}>
          {t("signIn.enter")}
        </Button>
      </form>
      <div className="w-full max-w-md">
        <Preferences />
      </div>
    </main>
  );
}
