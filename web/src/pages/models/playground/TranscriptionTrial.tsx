import { useMutation } from "@tanstack/react-query";
import { AudioLines } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { upload } from "@/api/upload";
import { Button, CopyButton, ErrorNotice, Field, Input, Panel, Progress } from "@/components";
import { useFormat } from "@/i18n/format";

import { Code } from "./Code";
import { Facts } from "./Facts";
import { transcriptionSnippets } from "./snippets";

interface Heard {
  text: string;
  language?: string | null;
  duration?: number | null;
}

/** A recording written down. */
export function TranscriptionTrial({ model }: { model: string }) {
  const { t } = useTranslation("models");
  const [file, setFile] = useState<File | null>(null);
  const [language, setLanguage] = useState("");
  const [sent, setSent] = useState(0);
  const hearing = useMutation({
    mutationFn: (recording: File) => {
      const form = new FormData();
      form.set("model", model);
      form.set("response_format", "verbose_json");
      if (language) form.set("language", language);
      form.set("file", recording);
      setSent(0);
      return upload<Heard>({ path: "/v1/audio/transcriptions", form, onProgress: setSent });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (file) hearing.mutate(file);
  };
  return (
    <>
      <div className="grid gap-4 lg:grid-cols-2">
        <Panel>
          <form onSubmit={submit} className="flex flex-col gap-4">
            <Field label={t("try.recording")} hint={t("try.recordingHint")}>
              <Input
                required
                type="file"
                accept="audio/*,video/*"
                className="py-1.5 file:me-3 file:rounded-md file:border file:border-line-strong file:bg-sunken file:px-2.5 file:py-1"
                onChange={(event) => setFile(event.target.files?.[0] ?? null)}
              />
            </Field>
            <Field label={t("try.language")} hint={t("try.languageHint")}>
              <Input
                dir="ltr"
                maxLength={2}
                pattern="[a-z]{2}"
                placeholder="vi"
                value={language}
                onChange={(event) => setLanguage(event.target.value.toLowerCase())}
              />
            </Field>
            <Button type="submit" look="primary" icon={AudioLines} busy={hearing.isPending} disabled={!file} className="self-end">
              {t("try.hear")}
            </Button>
          </form>
        </Panel>
        <Panel title={t("try.text")}>
          <div aria-live="polite" className="flex min-h-32 flex-col gap-3">
            {hearing.isPending && <Progress label={sent < 1 ? t("try.sending") : t("try.hearing")} share={sent < 1 ? sent : null} />}
            {hearing.data && <Shown heard={hearing.data} />}
            {hearing.error && <ErrorNotice error={hearing.error} />}
            {hearing.isIdle && <p className="text-muted">{t("try.noText")}</p>}
          </div>
        </Panel>
      </div>
      <Code snippets={transcriptionSnippets(`${location.origin}/v1`, model, file?.name ?? "call.mp3", language)} />
    </>
  );
}

function Shown({ heard }: { heard: Heard }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  return (
    <>
      <div className="flex flex-1 items-start gap-2">
        <p dir="auto" className="flex-1 break-words whitespace-pre-wrap">
          {heard.text || t("try.nothingSaid")}
        </p>
        {heard.text && <CopyButton text={heard.text} />}
      </div>
      <Facts
        rows={[
          [t("try.language"), heard.language ?? null],
          [t("try.length"), heard.duration == null ? null : format.duration(heard.duration)],
        ]}
      />
    </>
  );
}
