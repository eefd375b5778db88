import { Tabs as Radix } from "radix-ui";
import { Suspense, useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Spinner } from "./Progress";

export interface Tab {
  value: string;
  label: string;
  content: ReactNode;
}

export interface TabsProps {
  /** What they are parts of, for those who do not see it. */
  label: string;
  tabs: Tab[];
  value?: string;
  onChange?: (value: string) => void;
}

/** Parts of a page, one at a time; only the one shown is mounted. A part that is `lazy` is loaded when it is first shown. */
export function Tabs({ label, tabs, value, onChange }: TabsProps) {
  const { i18n } = useTranslation();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a phone the row of tabs is wider than the window: the one that is open is brought into sight, after the router
    // has put back how far everything was scrolled.
    const frame = requestAnimationFrame(() => {
      const open = list.current?.querySelector("[data-state=active]");
      if (list.current && open) list.current.scrollLeft += middle(open) - middle(list.current);
    });
    return () => cancelAnimationFrame(frame);
  }, [value]);
  return (
    <Radix.Root
      dir={i18n.dir() as "ltr" | "rtl"}
      {...(value === undefined ? { defaultValue: tabs[0]?.value } : { value })}
      onValueChange={onChange}
    >
      <Radix.List
        ref={list}
        aria-label={label}
        // Its outline stands inside: what scrolls cuts off all that is drawn round a tab.
        className="mb-4 flex gap-1 overflow-x-auto border-b border-line [&>*]:-outline-offset-2"
      >
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="min-h-10 shrink-0 border-b-2 border-transparent px-3 font-medium text-muted hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className="rounded-sm">
          {/* Radix keeps the tab that was left for one more drawing: it must not ask for what the next one is about. */}
          {(value === undefined || value === tab.value) && <Suspense fallback={<Spinner />}>{tab.content}</Suspense>}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}

/** Where the middle of an element is, in px from the window's side. */
function middle(element: Element): number {
  const { x, width } = element.getBoundingClientRect();
  return x + width / 2;
}
