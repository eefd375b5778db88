import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { useFormat } from "@/i18n/format";

const MIB = 1024 * 1024;

/** How numbers at a chart are written; the same functions for as long as the language stays. */
export function useUnits() {
  const format = useFormat();
  const { i18n } = useTranslation();
  return useMemo(
    () => ({
      count: (value: number) => format.number(value, { notation: "compact", maximumFractionDigits: 1 }),
      seconds: (value: number) => format.duration(value),
      percent: (value: number) => format.percent(value),
      mib: (value: number) => format.bytes(value * MIB),
    }),
    [i18n.language],
  );
}
