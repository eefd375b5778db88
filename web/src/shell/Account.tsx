import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { LogOut } from "lucide-react";
import { useTranslation } from "react-i18next";

import { meQuery, signOut, useMe } from "@/api/me";
import { IconButton, useToast } from "@/components";

/** Who is signed in, in which tenant, and the way out. */
export function Account() {
  const { t } = useTranslation("frame");
  const me = useMe();
  const queries = useQueryClient();
  const router = useRouter();
  const toast = useToast();
  const leave = async (): Promise<void> => {
    try {
      await signOut();
    } catch (error) {
      toast.failed(error);
      return;
    }
    // What this one saw is not for the next one.
    queries.clear();
    await queries.fetchQuery(meQuery);
    await router.invalidate();
  };
  return (
    <div className="flex items-center gap-1 ps-3 pt-1">
      <div className="min-w-0 flex-1 text-sm">
        <p dir="auto" className="match-parent truncate font-medium" title={me.user_id ?? me.key_id ?? undefined}>
          {me.open ? t("openServer") : (me.user_id ?? me.key_id)}
        </p>
        <p className="truncate text-muted">
          {t("tenant")}: <bdi>{me.site_id}</bdi>
          {me.app_id && (
            <>
              {" · "}
              <bdi>{me.app_id}</bdi>
            </>
          )}
        </p>
      </div>
      {!me.open && <IconButton icon={LogOut} mirrored label={t("signOut")} onClick={() => void leave()} />}
    </div>
  );
}
