import { useTranslation } from "react-i18next";

import { Button } from "./Button";

/** The button below a list with a cursor; takes what `useInfiniteQuery` answers. */
export function Pager({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  const { t } = useTranslation("frame");
  if (!query.hasNextPage) return null;
  return (
    <div className="mt-3 flex justify-center">
      <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t("more")}
      </Button>
    </div>
  );
}
