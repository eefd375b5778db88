import "./lib/nonce";
import "./styles.css";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";

import { onSignedOut } from "@/api/client";
import { meQuery } from "@/api/me";
import { asApiError } from "@/api/problem";
import { ToastProvider, TooltipProvider } from "@/components";
import { startI18n } from "@/i18n";
import { startTheme } from "@/lib/theme";
import { makeRouter } from "@/router";
import { Waiting } from "@/shell/Fallbacks";

startTheme();
await startI18n();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What the server refused it will refuse again; what did not reach it may pass.
      retry: (count, error) => count < 2 && [0, 502, 503, 504].includes(asApiError(error).status),
    },
  },
});
const router = makeRouter(queries);

// A key that was revoked, or a session that ended: back to the door, and from there to where one was.
onSignedOut(() => {
  void queries.invalidateQueries({ queryKey: meQuery.queryKey }).then(() => router.invalidate());
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <TooltipProvider>
        <ToastProvider>
          <Suspense fallback={<Waiting />}>
            <RouterProvider router={router} />
          </Suspense>
        </ToastProvider>
      </TooltipProvider>
    </QueryClientProvider>
  </StrictMode>,
);
