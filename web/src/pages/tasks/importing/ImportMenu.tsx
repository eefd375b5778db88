import { Download, FileInput } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { address } from "@/api/client";
import { Button, Dialog, Menu, Spinner } from "@/components";

const FROM = { openapi: lazy(() => import("./OpenApiForm")), postman: lazy(() => import("./PostmanForm")), mcp: lazy(() => import("./McpForm")) };

type From = keyof typeof FROM;

/** Capabilities made of what others describe: first what would change is shown, then it is done. And the way out. */
export function ImportMenu() {
  const { t } = useTranslation("tasks");
  const [from, setFrom] = useState<From | null>(null);
  const Form = from && FROM[from];
  return (
    <>
      <Menu
        label={t("import.open")}
        trigger={<Button icon={FileInput}>{t("import.open")}</Button>}
        items={[
          ...(Object.keys(FROM) as From[]).map((one) => ({ label: t(`import.kinds.${one}.name`), onSelect: () => setFrom(one) })),
          "line",
          { label: t("postman.export"), icon: Download, onSelect: exportCollection },
        ]}
      />
      <Dialog
        wide
        title={from ? t(`import.kinds.${from}.title`) : ""}
        about={from && t(`import.kinds.${from}.about`)}
        open={from !== null}
        onOpenChange={(open) => !open && setFrom(null)}
      >
        {Form && (
          <Suspense fallback={<Spinner />}>
            <Form onDone={() => setFrom(null)} />
          </Suspense>
        )}
      </Dialog>
    </>
  );
}

/** Take one's capabilities along as a Postman collection. */
function exportCollection(): void {
  const link = document.createElement("a");
  link.href = address("/v1/capabilities/export/postman");
  link.download = "capabilities.postman_collection.json";
  link.click();
}
