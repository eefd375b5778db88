import { useId } from "react";

export interface SliderProps {
  label: string;
  hint?: string;
  /** 0..1. */
  value: number;
  /** What is shown for it. */
  shown: string;
  onChange: (value: number) => void;
}

/** A share between 0 and 1. */
export function Slider({ label, hint, value, shown, onChange }: SliderProps) {
  const id = useId();
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <div className="flex justify-between gap-2 text-sm">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        <output htmlFor={id} className="text-muted tabular-nums">
          {shown}
        </output>
      </div>
      <input
        id={id}
        type="range"
        min={0}
        max={1}
        step={0.05}
        value={value}
        aria-valuetext={shown}
        aria-describedby={hint ? `${id}-said` : undefined}
        onChange={(event) => onChange(Number(event.target.value))}
        className="h-8 w-full accent-(--accent)"
      />
      {hint && (
        <p id={`${id}-said`} className="text-sm text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
