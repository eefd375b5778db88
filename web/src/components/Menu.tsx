import clsx from "clsx";
import { Check, type LucideIcon } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactElement, ReactNode } from "react";
import { useTranslation } from "react-i18next";

export interface MenuItem {
  label: ReactNode;
  icon?: LucideIcon;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  /** A check mark before it: one of several choices. */
  checked?: boolean;
}

/** A list of actions behind a button; `"line"` draws a separator. */
export function Menu({ trigger, items, label }: { trigger: ReactElement; items: (MenuItem | "line")[]; label?: string }) {
  const { i18n } = useTranslation();
  return (
    <DropdownMenu.Root dir={i18n.dir() as "ltr" | "rtl"} modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          sideOffset={4}
          align="end"
          collisionPadding={8}
          aria-label={label}
          className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-44 overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-xl"
        >
          {items.map((item, index) =>
            item === "line" ? (
              <DropdownMenu.Separator key={index} className="my-1 h-px bg-line" />
            ) : (
              <Item key={index} item={item} />
            ),
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function Item({ item }: { item: MenuItem }) {
  const { icon: Icon, label, onSelect, danger, disabled, checked } = item;
  const classes = clsx(
    "flex min-h-9 cursor-default items-center gap-2.5 rounded-md px-2.5 py-1.5 outline-none select-none",
    "data-highlighted:bg-sunken data-disabled:opacity-50",
    danger && "text-bad",
  );
  if (checked !== undefined) {
    return (
      <DropdownMenu.CheckboxItem className={classes} checked={checked} disabled={disabled} onSelect={onSelect}>
        <span className="size-4">
          <DropdownMenu.ItemIndicator>
            <Check aria-hidden className="size-4" />
          </DropdownMenu.ItemIndicator>
        </span>
        {label}
      </DropdownMenu.CheckboxItem>
    );
  }
  return (
    <DropdownMenu.Item className={classes} disabled={disabled} onSelect={onSelect}>
      {Icon && <Icon aria-hidden className="size-4" />}
      {label}
    </DropdownMenu.Item>
  );
}
