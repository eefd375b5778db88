import { useTranslation } from "react-i18next";

import { useMe } from "@/api/me";

/** Names people, groups, keys and the house's own hands as a reader would: `user:an` is "an". */
export function useWho(): (who: string) => string {
  const { t } = useTranslation("tasks");
  const mine = useOwnNames();
  return (who) => {
    if (mine.includes(who)) return t("asking.you");
    if (who === "flow" || who === "clock" || who === "timeout") return t(`asking.hands.${who}`);
    const [kind, ...rest] = who.split(":");
    const name = rest.join(":");
    if (kind === "group" || kind === "key") return t(`asking.hands.${kind}`, { name });
    return kind === "user" ? name : who;
  };
}

/** The names under which whoever is signed in is asked and remembered. */
export function useOwnNames(): string[] {
  const me = useMe();
  return [...(me.user_id === null ? [] : [`user:${me.user_id}`]), ...(me.key_id === null ? [] : [`key:${me.key_id}`])];
}

/** Whom somebody typed: a bare name is a user. */
export function peopleOf(text: string): string[] {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((one) => (/^(user|group|key):/.test(one) ? one : `user:${one}`));
}
