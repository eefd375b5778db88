/** The sign of the house: a turntable and its tracks. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden>
      <rect width="32" height="32" rx="7" className="fill-accent" />
      <g fill="none" strokeWidth="2.4" strokeLinecap="round" className="stroke-accent-ink">
        <circle cx="16" cy="16" r="5" />
        <path d="M16 11V5M20.3 13.5l5.2-3M20.3 18.5l5.2 3M16 21v6M11.7 18.5l-5.2 3M11.7 13.5l-5.2-3" />
      </g>
    </svg>
  );
}
