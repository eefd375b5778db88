import type { ReactNode } from "react";

/** A page's title, what it is for, and its main actions. Every page has exactly one. */
export function PageHeader({ title, about, actions }: { title: string; about?: ReactNode; actions?: ReactNode }) {
  return (
    <header className="mb-5 flex flex-wrap items-start gap-3">
      <div className="min-w-0 flex-1 basis-64">
        <h1 className="text-2xl font-semibold break-words">
          <bdi>{title}</bdi>
        </h1>
        {about && <p className="mt-0.5 max-w-prose text-muted">{about}</p>}
      </div>
      {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  );
}

/** A part of a page with a border round it. */
export function Panel({ title, actions, children }: { title?: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="rounded-lg border border-line bg-surface p-4">
      {(title || actions) && (
        <div className="mb-3 flex flex-wrap items-center gap-2">
          {title && <h2 className="min-w-0 flex-1 basis-40 text-base font-semibold break-words">{title}</h2>}
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}

/** The usual frame of a page that scrolls as a whole; a page that fills the window (chat) does without. */
export function PageBody({ children }: { children: ReactNode }) {
  return <div className="mx-auto w-full max-w-6xl p-4 sm:p-6">{children}</div>;
}
