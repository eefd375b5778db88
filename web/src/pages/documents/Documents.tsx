import { Outlet, useParams } from "@tanstack/react-router";

import { Collections } from "./Collections";
import { UploadsProvider } from "./uploads/UploadsProvider";

export default function Documents() {
  const { storeId } = useParams({ strict: false });
  return <UploadsProvider>{storeId === undefined ? <Collections /> : <Outlet />}</UploadsProvider>;
}
