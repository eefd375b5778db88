import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";

import { meQuery } from "@/api/me";
import { loadRoom } from "@/i18n";
import { pages } from "@/pages";
import { Broken, Missing, Waiting } from "@/shell/Fallbacks";
import { Layout } from "@/shell/Layout";
import { SignIn } from "@/shell/SignIn";
import { Start } from "@/shell/Start";

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: Missing });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { to?: string } =>
    typeof search.to === "string" ? { to: search.to } : {},
  beforeLoad: async ({ context }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (me.signed_in) throw redirect({ to: "/" });
  },
  component: SignIn,
});

const frame = createRoute({
  getParentRoute: () => root,
  id: "frame",
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (!me.signed_in) throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { to: location.href } });
  },
  component: Layout,
});

const start = createRoute({ getParentRoute: () => frame, path: "/", component: Start });

const rooms = pages.map((page) => {
  const route = createRoute({
    getParentRoute: () => frame,
    path: page.path,
    beforeLoad: () => loadRoom(page.folder),
    component: lazyRouteComponent(page.load),
  });
  if (!page.children) return route;
  return route.addChildren(
    page.children.map((child) =>
      createRoute({ getParentRoute: () => route, path: child.path, component: lazyRouteComponent(child.load) }),
    ),
  );
});

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: root.addChildren([signIn, frame.addChildren([start, ...rooms])]),
    basepath: "/console",
    context: { queries },
    defaultPreload: "intent",
    defaultPendingComponent: Waiting,
    defaultErrorComponent: Broken,
    defaultNotFoundComponent: Missing,
    scrollRestoration: true,
  });
}
