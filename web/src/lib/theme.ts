import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const CHOSEN = "roundhouse.theme";
const listeners = new Set<() => void>();
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme {
  const value = localStorage.getItem(CHOSEN);
  return value === "light" || value === "dark" ? value : "system";
}

function apply(): void {
  const theme = chosen();
  const dark = theme === "dark" || (theme === "system" && systemDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  for (const listener of listeners) listener();
}

export function setTheme(theme: Theme): void {
  if (theme === "system") localStorage.removeItem(CHOSEN);
  else localStorage.setItem(CHOSEN, theme);
  apply();
}

/** Follow the system's theme while none was chosen. */
export function startTheme(): void {
  apply();
  systemDark.addEventListener("change", apply);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The theme that was chosen. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, chosen);
}

/** Whether it is dark now: for what is drawn on a canvas. */
export function useDark(): boolean {
  return useSyncExternalStore(subscribe, () => document.documentElement.dataset.theme === "dark");
}
