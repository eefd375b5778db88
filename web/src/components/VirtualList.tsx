import clsx from "clsx";
import { lazy, Suspense, useEffect, type ReactNode } from "react";

export interface VirtualListProps<Item> {
  /** What it lists, for those who do not see it. */
  label: string;
  items: Item[];
  itemKey: (item: Item) => string;
  render: (item: Item, index: number) => ReactNode;
  /** About how high an item is, in px; each is measured once it is shown. */
  estimatePx: number;
  /** Called when its end comes near: load the next page. */
  onEnd?: () => void;
  className?: string;
}

/** So many items need no counting of what is seen, nor the code that does it. */
const FEW = 60;

const LongList = lazy(() => import("./LongList").then((part) => ({ default: part.LongList }))) as <Item>(
  props: VirtualListProps<Item>,
) => ReactNode;

/** A list of any length; of a long one only what is seen is in the page. It needs a height from its surroundings. */
export function VirtualList<Item>(props: VirtualListProps<Item>) {
  if (props.items.length <= FEW) return <ShortList {...props} />;
  return (
    <Suspense fallback={<ShortList {...props} items={props.items.slice(0, FEW)} onEnd={undefined} />}>
      <LongList {...props} />
    </Suspense>
  );
}

function ShortList<Item>({ label, items, itemKey, render, onEnd, className }: VirtualListProps<Item>) {
  useEffect(() => {
    // All of it is near the end. What comes now may make it a long one, before anybody has scrolled.
    onEnd?.();
  }, [items.length, onEnd]);
  return (
    <div tabIndex={0} role="region" aria-label={label} className={clsx("overflow-y-auto", className)}>
      <ul>
        {items.map((item, index) => (
          <li key={itemKey(item)}>{render(item, index)}</li>
        ))}
      </ul>
    </div>
  );
}
