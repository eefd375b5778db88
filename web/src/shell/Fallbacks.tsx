import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button, EmptyState, ErrorNotice, PageBody, PageHeader, Spinner } from "@/components";

/** While a page is on its way. */
export function Waiting() {
  return (
    <div className="flex h-full min-h-40 items-center justify-center">
      <Spinner />
    </div>
  );
}

/** A page that could not be loaded or drawn. */
export function Broken({ error }: ErrorComponentProps) {
  const { t } = useTranslation("frame");
  return (
    <PageBody>
      <PageHeader title={t("broken")} />
      <ErrorNotice error={error} onRetry={() => window.location.reload()} />
    </PageBody>
  );
}

/** An address below /console that is no page. */
export function Missing() {
  const { t } = useTranslation("frame");
  return (
    <PageBody>
      <EmptyState
        icon={Compass}
        title={t("missing")}
        action={
          <Button asChild>
            <Link to="/">{t("toStart")}</Link>
          </Button>
        }
      />
    </PageBody>
  );
}
