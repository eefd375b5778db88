import clsx from "clsx";
import { X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useErrorText } from "./ErrorNotice";
import { IconButton } from "./Button";

interface Note {
  id: number;
  text: string;
  kind: "good" | "bad";
}

interface Toaster {
  /** Say that something was done. */
  done: (text: string) => void;
  /** Say that something failed, with the error's own words and code. */
  failed: (error: unknown) => void;
}

const ToastContext = createContext<Toaster | null>(null);

/** Short notes at the end of the page, for what has no place of its own. */
export function useToast(): Toaster {
  const toaster = useContext(ToastContext);
  if (!toaster) throw new Error("useToast is used below ToastProvider.");
  return toaster;
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation("frame");
  const errorText = useErrorText();
  const [notes, setNotes] = useState<Note[]>([]);
  const add = useCallback((text: string, kind: Note["kind"]) => {
    setNotes((now) => [...now.slice(-3), { id: (now.at(-1)?.id ?? 0) + 1, text, kind }]);
  }, []);
  const toaster = useMemo<Toaster>(
    () => ({ done: (text) => add(text, "good"), failed: (error) => add(errorText(error), "bad") }),
    [add, errorText],
  );
  return (
    <ToastContext value={toaster}>
      <Radix.Provider label={t("notes")} swipeDirection="down">
        {children}
        {notes.map((note) => (
          <Radix.Root
            key={note.id}
            duration={note.kind === "bad" ? 12_000 : 5_000}
            type={note.kind === "bad" ? "foreground" : "background"}
            onOpenChange={(open) => {
              if (!open) setNotes((now) => now.filter((one) => one.id !== note.id));
            }}
            className={clsx(
              "flex items-start gap-3 rounded-lg border bg-raised p-3 shadow-xl",
              note.kind === "bad" ? "border-bad" : "border-line",
            )}
          >
            <Radix.Description dir="auto" className="min-w-0 flex-1 break-words">
              {note.text}
            </Radix.Description>
            <Radix.Close asChild>
              <IconButton icon={X} label={t("close")} size="small" />
            </Radix.Close>
          </Radix.Root>
        ))}
        <Radix.Viewport
          label={t("notes")}
          className="fixed end-0 bottom-0 z-60 m-0 flex w-full max-w-md list-none flex-col gap-2 p-4 outline-none"
        />
      </Radix.Provider>
    </ToastContext>
  );
}
