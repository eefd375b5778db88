import { Link } from "@tanstack/react-router";
import { ArrowLeft, ChevronRight } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "@/components";
import type { ButtonProps } from "@/components/Button";

type Part = "tasks" | "inbox" | "capabilities" | "modules" | "flows" | "webhooks";

/** A link to a part of the page, or to one thing of it. */
export function To({ part, id, children, label }: { part: Part; id?: string; children: ReactNode; label?: string }) {
  return (
    <Link
      to="/tasks"
      hash={id === undefined ? part : `${part}/${id}`}
      aria-label={label}
      className="inline-flex min-h-6 items-center font-medium break-all text-accent underline-offset-2 hover:underline"
    >
      <bdi>{children}</bdi>
    </Link>
  );
}

export interface HeadProps {
  part: Part;
  /** Of what the way leads back to; unset = the list. */
  id?: string;
  back: string;
  title: string;
  beside?: ReactNode;
  actions?: ReactNode;
}

/** The head of one thing: the way back, its name, what can be done with it. */
export function Head({ part, id, back, title, beside, actions }: HeadProps) {
  return (
    <div className="mb-4 flex flex-col gap-2">
      <Button asChild size="small" look="ghost" className="self-start">
        <Link to="/tasks" hash={id === undefined ? part : `${part}/${id}`}>
          <ArrowLeft aria-hidden className="size-4 rtl:-scale-x-100" />
          <bdi>{back}</bdi>
        </Link>
      </Button>
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="min-w-0 text-xl font-semibold break-all">
          <bdi>{title}</bdi>
        </h2>
        {beside}
        {actions && <div className="ms-auto flex flex-wrap gap-2">{actions}</div>}
      </div>
    </div>
  );
}

/** A button that leads to a part of the page, or to one thing of it. */
export function ToButton({ part, id, icon: Icon, look, size, children }: ToButtonProps) {
  return (
    <Button asChild look={look} size={size}>
      <Link to="/tasks" hash={id === undefined ? part : `${part}/${id}`}>
        {Icon && <Icon aria-hidden className="size-4" />}
        {children}
      </Link>
    </Button>
  );
}

interface ToButtonProps extends Pick<ButtonProps, "look" | "size" | "icon"> {
  part: Part;
  id?: string;
  children: ReactNode;
}

/** Something that is opened when it is looked for. */
export function Fold({ title, open, children }: { title: ReactNode; open?: boolean; children: ReactNode }) {
  return (
    <details open={open} className="group min-w-0">
      <summary className="flex min-h-8 cursor-pointer list-none items-center gap-1.5 text-sm font-medium [&::-webkit-details-marker]:hidden">
        <ChevronRight aria-hidden className="size-4 shrink-0 text-muted group-open:rotate-90 rtl:-scale-x-100" />
        {title}
      </summary>
      <div className="mt-1">{children}</div>
    </details>
  );
}

/** An error as the server keeps it: its words and its code. */
export function Failure({ error }: { error: Record<string, unknown> }) {
  return (
    <p dir="auto" className="rounded-md bg-bad-soft p-3 text-sm break-words text-bad">
      {String(error.message ?? "")} <code>{String(error.code ?? "")}</code>
    </p>
  );
}
