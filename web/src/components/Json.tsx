/** A value as JSON, for those who know what it is. */
export function Json({ label, value }: { label: string; value: unknown }) {
  return (
    <pre dir="ltr" role="region" tabIndex={0} aria-label={label} className="max-h-72 overflow-auto rounded-md bg-sunken p-3 text-start text-xs">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
