import clsx from "clsx";
import { LoaderCircle, type LucideIcon } from "lucide-react";
import { Slot } from "radix-ui";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";

import { Tooltip } from "./Tooltip";

type Look = "primary" | "plain" | "ghost" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-accent-ink border-transparent hover:brightness-110",
  plain: "bg-surface text-ink border-line-strong hover:bg-sunken",
  ghost: "bg-transparent text-ink border-transparent hover:bg-sunken",
  danger: "bg-bad text-bad-ink border-transparent hover:brightness-110",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  size?: "small" | "normal";
  icon?: LucideIcon;
  /** Shows that its work goes on, and takes no press until then. */
  busy?: boolean;
  /** Draw the child (a link, say) as this button. */
  asChild?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

/** A button; in a form it submits only with `type="submit"`. */
export function Button({
  look = "plain",
  size = "normal",
  icon: Icon,
  busy = false,
  asChild = false,
  className,
  children,
  disabled,
  type = "button",
  ...rest
}: ButtonProps) {
  const classes = clsx(
    "inline-flex shrink-0 items-center justify-center gap-2 rounded-md border font-medium whitespace-nowrap select-none",
    "disabled:opacity-50 transition-colors",
    size === "small" ? "min-h-8 px-2.5 text-sm" : "min-h-10 px-3.5",
    LOOKS[look],
    className,
  );
  if (asChild) {
    return (
      <Slot.Root className={classes} {...rest}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button type={type} className={classes} disabled={disabled || busy} aria-busy={busy || undefined} {...rest}>
      {busy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : Icon && <Icon aria-hidden className="size-4" />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children" | "asChild" | "icon"> {
  icon: LucideIcon;
  /** What it does: its name for those who do not see it, and its tooltip. */
  label: string;
  /** For directional icons (arrows): turned round where one reads from right to left. */
  mirrored?: boolean;
}

/** A button that is an icon alone. */
export function IconButton({ icon: Icon, label, look = "ghost", size = "normal", busy, mirrored, className, children: _, ...rest }: IconButtonProps & { children?: ReactNode }) {
  return (
    <Tooltip text={label}>
      <Button
        look={look}
        size={size}
        aria-label={label}
        className={clsx("px-0!", size === "small" ? "min-w-8" : "min-w-10", className)}
        {...rest}
        disabled={rest.disabled || busy}
      >
        {busy ? (
          <LoaderCircle aria-hidden className="size-4 animate-spin" />
        ) : (
          <Icon aria-hidden className={clsx("size-4.5", mirrored && "rtl:-scale-x-100")} />
        )}
      </Button>
    </Tooltip>
  );
}
