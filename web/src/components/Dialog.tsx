import clsx from "clsx";
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactElement, ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { IconButton } from "./Button";

export interface DialogProps {
  title: string;
  /** One sentence below the title. */
  about?: ReactNode;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  /** The button that opens it, where it is not opened from outside. */
  trigger?: ReactElement;
  children: ReactNode;
  /** Buttons at its end. */
  footer?: ReactNode;
  wide?: boolean;
  /** "side": a panel at the end of the line, for details beside a list. */
  place?: "middle" | "side";
}

/** A window over the page that keeps the focus until it is closed. */
export function Dialog({ title, about, open, onOpenChange, trigger, children, footer, wide, place = "middle" }: DialogProps) {
  const { t } = useTranslation("frame");
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      {trigger && <Radix.Trigger asChild>{trigger}</Radix.Trigger>}
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          {...(about ? {} : { "aria-describedby": undefined })}
          // Not its first button, Close, whose tooltip would open and take the first Escape.
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            (event.currentTarget as HTMLElement).focus();
          }}
          className={clsx(
            "fixed z-40 flex flex-col bg-raised shadow-2xl focus:outline-none",
            place === "middle"
              ? "inset-x-3 top-1/2 mx-auto max-h-[calc(100dvh-1.5rem)] -translate-y-1/2 rounded-xl border border-line"
              : "inset-y-0 end-0 w-full border-s border-line",
            place === "side" ? (wide ? "max-w-3xl" : "max-w-lg") : wide ? "max-w-3xl" : "max-w-lg",
          )}
        >
          <header className="flex items-start gap-3 border-b border-line p-4">
            <div className="min-w-0 flex-1">
              <Radix.Title dir="auto" className="text-lg font-semibold break-words">
                {title}
              </Radix.Title>
              {about && <Radix.Description className="mt-0.5 text-muted">{about}</Radix.Description>}
            </div>
            <Radix.Close asChild>
              <IconButton icon={X} label={t("close")} size="small" />
            </Radix.Close>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto p-4">{children}</div>
          {footer && <footer className="flex flex-wrap justify-end gap-2 border-t border-line p-4">{footer}</footer>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export const DialogClose = Radix.Close;
