import { useVirtualizer } from "@tanstack/react-virtual";
import clsx from "clsx";
import { useEffect, useRef } from "react";

import type { VirtualListProps } from "./VirtualList";

const NEAR_END = 10;

/** A list of which only what is seen is in the page. */
export function LongList<Item>({ label, items, itemKey, render, estimatePx, onEnd, className }: VirtualListProps<Item>) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimatePx,
    getItemKey: (index) => itemKey(items[index]!),
    overscan: 8,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= items.length - NEAR_END) onEnd?.();
  }, [last, items.length, onEnd]);
  return (
    <div ref={scroller} tabIndex={0} role="region" aria-label={label} className={clsx("overflow-y-auto", className)}>
      <ul className="relative w-full" style={{ height: virtual.getTotalSize() }}>
        {shown.map((one) => (
          <li
            key={one.key}
            ref={virtual.measureElement}
            data-index={one.index}
            aria-setsize={items.length}
            aria-posinset={one.index + 1}
            className="absolute inset-x-0 top-0"
            style={{ transform: `translateY(${one.start}px)` }}
          >
            {render(items[one.index]!, one.index)}
          </li>
        ))}
      </ul>
    </div>
  );
}
