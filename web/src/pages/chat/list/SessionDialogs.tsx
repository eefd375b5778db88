import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { Button, Checkbox, Dialog, ErrorNotice, Field, Input } from "@/components";

import { useChats } from "../state/Chats";
import type { Session } from "../state/shapes";

interface Saving {
  session: Session;
  /** Puts what was changed into the lists. */
  onSave: (session: Promise<Session>) => Promise<Session>;
  onOpenChange: (open: boolean) => void;
}

/** Saves a change of a session; the dialog closes when it is done, and shows the error when it fails. */
function useSave({ session, onSave, onOpenChange }: Saving) {
  const chats = useChats();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const save = async (body: { title: string } | { tags: string[] }): Promise<void> => {
    setBusy(true);
    try {
      const known = await onSave(api.patch("/v1/sessions/{session_id}", { params: { session_id: session.id }, body }));
      chats.take(known);
      onOpenChange(false);
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return { save, busy, error };
}

export function RenameDialog(props: Saving) {
  const { t } = useTranslation("chat");
  const { t: frame } = useTranslation("frame");
  const [title, setTitle] = useState(props.session.title);
  const { save, busy, error } = useSave(props);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void save({ title: title.trim() });
  };
  return (
    <Dialog open onOpenChange={props.onOpenChange} title={t("rename")}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Field label={t("sessionTitle")} hint={t("renameHint")}>
          <Input autoFocus value={title} maxLength={500} onChange={(event) => setTitle(event.target.value)} />
        </Field>
        {error !== null && <ErrorNotice error={error} />}
        <Button type="submit" look="primary" busy={busy} className="self-end">
          {frame("save")}
        </Button>
      </form>
    </Dialog>
  );
}

export function TagsDialog(props: Saving) {
  const { t } = useTranslation("chat");
  const { t: frame } = useTranslation("frame");
  const known = useQuery(get("/v1/sessions/tags"));
  const [chosen, setChosen] = useState<string[]>(props.session.tags);
  const [added, setAdded] = useState<string[]>([]);
  const [name, setName] = useState("");
  const { save, busy, error } = useSave(props);
  const all = [...new Set([...(known.data?.data.map((one) => one.tag) ?? []), ...props.session.tags, ...added])].sort();
  const toggle = (tag: string, on: boolean): void => {
    setChosen((now) => (on ? [...new Set([...now, tag])] : now.filter((one) => one !== tag)));
  };
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const tag = name.trim();
    if (!tag) return;
    setAdded((now) => [...now, tag]);
    toggle(tag, true);
    setName("");
  };
  return (
    <Dialog
      open
      onOpenChange={props.onOpenChange}
      title={t("foldersOf")}
      about={t("foldersAbout")}
      footer={
        <Button look="primary" busy={busy} onClick={() => void save({ tags: chosen })}>
          {frame("save")}
        </Button>
      }
    >
      <form onSubmit={add} className="flex items-end gap-2">
        <Field label={t("newFolder")} className="flex-1">
          <Input value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Button type="submit" icon={Plus} disabled={!name.trim()}>
          {t("add")}
        </Button>
      </form>
      <ul className="mt-3 flex flex-col">
        {all.map((tag) => (
          <li key={tag}>
            <Checkbox
              label={<bdi className="break-words">{tag}</bdi>}
              checked={chosen.includes(tag)}
              onChange={(event) => toggle(tag, event.target.checked)}
            />
          </li>
        ))}
      </ul>
      {error !== null && <ErrorNotice error={error} className="mt-3" />}
    </Dialog>
  );
}
