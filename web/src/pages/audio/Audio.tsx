import { Outlet, useChildMatches } from "@tanstack/react-router";

import { Recordings } from "./list/Recordings";
import { SendingProvider } from "./new/sending";

/** The room: its list, or the page below it. What is being sent goes on while one looks at another page of it. */
export default function Audio() {
  const inside = useChildMatches({ select: (matches) => matches.length > 0 });
  return <SendingProvider>{inside ? <Outlet /> : <Recordings />}</SendingProvider>;
}
