import { CopyButton } from "./CopyButton";

export interface CodeBlockProps {
  /** What it is, for those who do not see it. */
  name: string;
  text: string;
  /** What the button says that copies it. */
  copy?: string;
}

/** Lines for a shell or a program, to be copied. */
export function CodeBlock({ name, text, copy }: CodeBlockProps) {
  return (
    <div className="relative">
      <pre
        dir="ltr"
        role="region"
        tabIndex={0}
        aria-label={name}
        className="max-h-80 overflow-auto rounded-md bg-sunken p-3 pe-12 text-start text-sm leading-relaxed"
      >
        <code>{text}</code>
      </pre>
      <div className="absolute end-1.5 top-1.5">
        <CopyButton text={text} label={copy} />
      </div>
    </div>
  );
}
