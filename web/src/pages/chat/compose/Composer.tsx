import clsx from "clsx";
import { ArrowUp, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { ErrorNotice, IconButton, useToast } from "@/components";

import type { Asked } from "../state/conversation";
import { AttachButton, AttachedFiles, useAttaching } from "./Attaching";
import { ModelPicker } from "./ModelPicker";
import { StorePicker } from "./StorePicker";

export interface ComposerProps {
  /** Under this name a text that was not sent is kept while the page is open. */
  draft: string;
  settings: { model: string | null; storeIds: string[] };
  onModel: (model: string | null) => void;
  onStores: (ids: string[]) => void;
  /** Resolves when the question is on the server's disk; throws ApiError. */
  onSend: (asked: Asked) => Promise<void>;
  /** Stops what is being answered; undefined = nothing is. */
  onStop?: () => Promise<void>;
  stopping: boolean;
  busy: boolean;
  /** Why nothing can be asked here. */
  refused?: string;
  /** Without a line above it: in the middle of an empty page. */
  bare?: boolean;
}

/** Where the browser does not fit the field to its text by itself. */
const MOST_ROWS = 8;
const DRAFTS = "roundhouse.draft.";

/** Where one asks: text, files, documents, model. */
export function Composer(props: ComposerProps) {
  const { draft, settings, onModel, onStores, onSend, onStop, stopping, busy, bare } = props;
  const { t } = useTranslation("chat");
  const mayAsk = useMay("inference");
  const mayWrite = useMay("chats:write");
  const toast = useToast();
  const [text, setText] = useState(() => sessionStorage.getItem(DRAFTS + draft) ?? "");
  const [error, setError] = useState<unknown>(null);
  const attaching = useAttaching();
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (text) sessionStorage.setItem(DRAFTS + draft, text);
    else sessionStorage.removeItem(DRAFTS + draft);
  }, [text, draft]);
  useEffect(() => {
    // No keyboard that covers half of a phone before one wants to write.
    if (matchMedia("(pointer: fine)").matches) area.current?.focus();
  }, []);
  const refused = props.refused ?? (mayAsk && mayWrite ? undefined : t("mayNotAsk"));
  if (refused) return <p className="border-t border-line p-4 text-center text-muted">{refused}</p>;
  const ready = text.trim() !== "" && !busy && !onStop && !attaching.busy;
  const ask = async (): Promise<void> => {
    if (!ready) return;
    setError(null);
    setText("");
    sessionStorage.removeItem(DRAFTS + draft);
    try {
      await onSend({ content: text.trim(), attachments: attaching.ids });
      attaching.clear();
    } catch (reason) {
      setText(text);
      setError(reason);
    }
  };
  return (
    <div className={clsx("px-3 pb-3 sm:px-5", !bare && "pt-1")}>
      <div className="mx-auto w-full max-w-3xl">
        {error !== null && <ErrorNotice error={error} className="mb-2" />}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void ask();
          }}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            attaching.add([...event.dataTransfer.files]);
          }}
          className="rounded-2xl border border-line-strong bg-surface shadow-sm focus-within:border-accent focus-within:ring-1 focus-within:ring-accent"
        >
          <AttachedFiles attaching={attaching} />
          <textarea
            ref={area}
            dir="auto"
            rows={Math.min(MOST_ROWS, text.split("\n").length)}
            aria-label={t("question")}
            placeholder={t("questionHere")}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onPaste={(event) => {
              if (event.clipboardData.files.length) attaching.add([...event.clipboardData.files]);
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              void ask();
            }}
            className="field-sizing-content block max-h-60 min-h-12 w-full resize-none bg-transparent px-4 pt-3 pb-1 outline-none placeholder:text-muted"
          />
          <div className="flex items-center gap-1 p-1.5">
            <AttachButton attaching={attaching} />
            <StorePicker chosen={settings.storeIds} onChange={onStores} />
            <ModelPicker model={settings.model} onChange={onModel} />
            <span className="flex-1" />
            {onStop ? (
              <IconButton
                icon={Square}
                look="primary"
                label={stopping ? t("stopping") : t("stop")}
                busy={stopping}
                className="rounded-full!"
                onClick={() => void onStop().catch(toast.failed)}
              />
            ) : (
              <IconButton icon={ArrowUp} look="primary" type="submit" label={t("ask")} busy={busy} disabled={!ready} className="rounded-full!" />
            )}
          </div>
        </form>
      </div>
    </div>
  );
}
