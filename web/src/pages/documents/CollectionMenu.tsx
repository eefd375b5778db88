import { useNavigate, useParams } from "@tanstack/react-router";
import { Ellipsis, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Confirm, IconButton, Menu, useToast } from "@/components";

import { CollectionForm } from "./CollectionForm";
import { STORE, useRefresh, type Store } from "./data";

/** What can be done with a collection as a whole. */
export function CollectionMenu({ store }: { store: Store }) {
  const { t } = useTranslation("documents");
  const mayWrite = useMay("knowledge:write");
  const refresh = useRefresh();
  const toast = useToast();
  const navigate = useNavigate();
  const { storeId } = useParams({ strict: false });
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  if (!mayWrite) return null;
  const name = store.name || t("collections.unnamed");
  return (
    <>
      <Menu
        label={t("collections.actions", { name })}
        trigger={<IconButton size="small" icon={Ellipsis} label={t("collections.actions", { name })} />}
        items={[
          { label: t("collections.edit"), icon: Pencil, onSelect: () => setOpen("edit") },
          "line",
          { label: t("collections.delete"), icon: Trash2, danger: true, onSelect: () => setOpen("delete") },
        ]}
      />
      {open === "edit" && <CollectionForm store={store} onClose={() => setOpen(null)} />}
      <Confirm
        title={t("collections.deleteTitle", { name })}
        about={t("collections.deleteAbout", { count: store.file_counts.total })}
        action={t("collections.delete")}
        open={open === "delete"}
        onOpenChange={(now) => setOpen(now ? "delete" : null)}
        onConfirm={async () => {
          await api.delete(STORE, { params: { vector_store_id: store.id } });
          if (storeId === store.id) await navigate({ to: "/documents" });
          await refresh(store.id);
          toast.done(t("collections.deleted", { name }));
        }}
      />
    </>
  );
}
