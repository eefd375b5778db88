import clsx from "clsx";
import {
  createContext,
  useContext,
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type Ref,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from "react";

interface Wiring {
  id: string;
  describedBy?: string;
  invalid: boolean;
}

const FieldContext = createContext<Wiring | null>(null);

function useWiring(): { id?: string; "aria-describedby"?: string; "aria-invalid"?: true } {
  const wiring = useContext(FieldContext);
  if (!wiring) return {};
  return { id: wiring.id, "aria-describedby": wiring.describedBy, "aria-invalid": wiring.invalid || undefined };
}

export interface FieldProps {
  label: string;
  /** What is expected, below the input. */
  hint?: ReactNode;
  /** What is wrong with what stands in it. */
  error?: ReactNode;
  /** Hide the label from the eye; it is still read out. */
  bare?: boolean;
  className?: string;
  /** One Input, Textarea or Select. */
  children: ReactNode;
}

/** A label, the input inside it, and what there is to say about them. */
export function Field({ label, hint, error, bare, className, children }: FieldProps) {
  const id = useId();
  const said = `${id}-said`;
  return (
    <div className={clsx("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className={bare ? "sr-only" : "text-sm font-medium"}>
        {label}
      </label>
      <FieldContext value={{ id, describedBy: hint || error ? said : undefined, invalid: Boolean(error) }}>
        {children}
      </FieldContext>
      {(hint || error) && (
        <div id={said} className={clsx("text-sm", error ? "text-bad" : "text-muted")}>
          {error || hint}
        </div>
      )}
    </div>
  );
}

const BOX =
  "w-full min-w-0 rounded-md border border-line-strong bg-surface px-3 text-ink placeholder:text-muted disabled:opacity-60 aria-invalid:border-bad";

/** One line of text. Inside a Field it is named by it; elsewhere give `aria-label`. */
export function Input({ className, ...rest }: InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  return <input dir="auto" {...useWiring()} className={clsx(BOX, "min-h-10", className)} {...rest} />;
}

/** Several lines of text. */
export function Textarea({
  className,
  ...rest
}: TextareaHTMLAttributes<HTMLTextAreaElement> & { ref?: Ref<HTMLTextAreaElement> }) {
  return <textarea dir="auto" rows={4} {...useWiring()} className={clsx(BOX, "py-2", className)} {...rest} />;
}

export interface Choice {
  value: string;
  label: string;
  disabled?: boolean;
}

export interface SelectProps extends Omit<SelectHTMLAttributes<HTMLSelectElement>, "onChange" | "children"> {
  choices: Choice[];
  value: string;
  onChange: (value: string) => void;
}

/** One of some choices: the browser's own, which every keyboard, reader and phone knows. */
export function Select({ choices, value, onChange, className, ...rest }: SelectProps) {
  return (
    <select
      {...useWiring()}
      className={clsx(BOX, "min-h-10", className)}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      {...rest}
    >
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value} disabled={choice.disabled}>
          {choice.label}
        </option>
      ))}
    </select>
  );
}

/** A box to tick, with its label beside it. */
export function Checkbox({
  label,
  className,
  ...rest
}: Omit<InputHTMLAttributes<HTMLInputElement>, "type"> & { label: ReactNode }) {
  return (
    <label className={clsx("inline-flex min-h-8 items-center gap-2", className)}>
      <input type="checkbox" className="size-4 shrink-0 accent-(--accent)" {...rest} />
      <span>{label}</span>
    </label>
  );
}
