import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

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

/** Parts of a page, one at a time; only the one shown is mounted. */
export function Tabs({ label, tabs, value, onChange }: TabsProps) {
  const { i18n } = useTranslation();
  return (
    <Radix.Root
      dir={i18n.dir() as "ltr" | "rtl"}
      {...(value === undefined ? { defaultValue: tabs[0]?.value } : { value })}
      onValueChange={onChange}
    >
      <Radix.List
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
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
