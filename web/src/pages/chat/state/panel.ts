import { createContext, useContext } from "react";

/** The list of sessions on a narrow page, where it lies over the conversation. */
export const PanelContext = createContext({ open: false, setOpen: (_open: boolean): void => undefined });

export function usePanel() {
  return useContext(PanelContext);
}
