import { useMutation } from "@tanstack/react-query";
import { Link2, Users } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, CopyButton, Dialog, ErrorNotice, Field, Input } from "@/components";

import { useRenew, type Asked } from "../data";
import { peopleOf } from "./people";

/** Asks other people instead. */
export function Reassign({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title={t("asking.reassign")}
      about={t("asking.reassignAbout")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button size="small" icon={Users}>
          {t("asking.reassign")}
        </Button>
      }
    >
      <ReassignForm one={one} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function ReassignForm({ one, onDone }: { one: Asked; onDone: () => void }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const [people, setPeople] = useState(one.assignees.join(", "));
  const [comment, setComment] = useState("");
  const send = useMutation({
    mutationFn: () =>
      api.post("/v1/human/{request_id}/reassign", { params: { request_id: one.id }, body: { assignees: peopleOf(people), comment: comment.trim() } }),
    onSuccess: async () => {
      await renew("/v1/human", "/v1/human/{request_id}");
      onDone();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    send.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("asking.people")} hint={t("asking.peopleHint")}>
        <Input required dir="ltr" value={people} onChange={(event) => setPeople(event.target.value)} />
      </Field>
      <Field label={t("asking.why")}>
        <Input maxLength={10_000} value={comment} onChange={(event) => setComment(event.target.value)} />
      </Field>
      {send.error && <ErrorNotice error={send.error} />}
      <Button type="submit" look="primary" busy={send.isPending} className="self-end">
        {t("asking.reassign")}
      </Button>
    </form>
  );
}

/** Makes a link with which somebody decides without a key. */
export function LinkFor({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const [open, setOpen] = useState(false);
  const [path, setPath] = useState<string | null>(null);
  const change = (next: boolean): void => {
    setOpen(next);
    if (!next) setPath(null);
  };
  return (
    <Dialog
      title={t("asking.link")}
      about={t(path === null ? "asking.linkAbout" : "asking.linkMade")}
      open={open}
      onOpenChange={change}
      trigger={
        <Button size="small" icon={Link2}>
          {t("asking.link")}
        </Button>
      }
      footer={path !== null && <Button onClick={() => change(false)}>{t("frame:close")}</Button>}
    >
      {path === null ? (
        <LinkForm one={one} onMade={setPath} />
      ) : (
        <div className="flex items-center gap-2 rounded-md bg-sunken p-3">
          <code dir="ltr" className="min-w-0 flex-1 break-all" data-testid="human-link">
            {new URL(path, location.origin).href}
          </code>
          <CopyButton text={new URL(path, location.origin).href} />
        </div>
      )}
    </Dialog>
  );
}

function LinkForm({ one, onMade }: { one: Asked; onMade: (path: string) => void }) {
  const { t } = useTranslation("tasks");
  const [person, setPerson] = useState(one.assignees[0] ?? "");
  const make = useMutation({
    mutationFn: () => api.post("/v1/human/{request_id}/links", { params: { request_id: one.id }, body: { assignee: peopleOf(person)[0] ?? "" } }),
    onSuccess: (made) => onMade(made.path),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("asking.person")} hint={t("asking.personHint")}>
        <Input required dir="ltr" value={person} onChange={(event) => setPerson(event.target.value)} />
      </Field>
      {make.error && <ErrorNotice error={make.error} />}
      <Button type="submit" look="primary" busy={make.isPending} className="self-end">
        {t("asking.link")}
      </Button>
    </form>
  );
}
