import { ToggleGroup } from "radix-ui";

export interface SwitcherProps<Value extends string> {
  label: string;
  value: Value;
  onChange: (value: Value) => void;
  choices: { value: Value; label: string; disabled?: boolean }[];
}

/** One of two or three ways to look at the same thing. */
export function Switcher<Value extends string>({ label, value, onChange, choices }: SwitcherProps<Value>) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      // A press on the chosen one would choose none.
      onValueChange={(next) => next && onChange(next as Value)}
      className="inline-flex rounded-md border border-line-strong bg-surface p-0.5"
    >
      {choices.map((choice) => (
        <ToggleGroup.Item
          key={choice.value}
          value={choice.value}
          disabled={choice.disabled}
          className="min-h-7 rounded-sm px-3 text-sm font-medium text-muted hover:text-ink disabled:opacity-50 data-[state=on]:bg-accent data-[state=on]:text-accent-ink"
        >
          {choice.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
