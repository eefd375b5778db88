import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";

import { send } from "./client";

/** Who is signed in, and what this server offers (`GET /console/me`). */
export interface Me {
  signed_in: boolean;
  /** Started with --open: nobody needs to sign in. */
  open: boolean;
  version: string;
  /** How one can sign in: a key of ours, a JWT of the outer system. */
  ways: ("key" | "jwt")[];
  /** Rooms that are on. */
  rooms: string[];
  key_id: string | null;
  site_id: string | null;
  user_id: string | null;
  app_id: string | null;
  scopes: string[];
  /** RFC 3339; null = the credential has no end. */
  expires_at: string | null;
}

export const meQuery = queryOptions({
  queryKey: ["/console/me"],
  queryFn: async ({ signal }) => (await send("get", "/console/me", { signal })).json() as Promise<Me>,
  staleTime: 60_000,
});

/** Who is signed in. Below the frame's layout somebody always is. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** Whether a scope is held, directly or by `admin`. */
export function may(me: Me, scope: string): boolean {
  return me.scopes.includes(scope) || me.scopes.includes("admin");
}

/** Whether the one signed in holds a scope: hide what would be refused. */
export function useMay(scope: string): boolean {
  return may(useMe(), scope);
}

/** Sign in; throws ApiError. */
export async function signIn(credential: string, remember: boolean): Promise<void> {
  await send("post", "/console/login", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ credential, remember }),
  });
}

export async function signOut(): Promise<void> {
  await send("post", "/console/logout");
}
