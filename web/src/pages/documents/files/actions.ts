import { api } from "@/api/client";

import { FILE, FILES, useRefresh, type StoreFile } from "../data";

/** What can be done with a file of a collection; each reads the list again and throws ApiError. */
export function useFileActions(storeId: string) {
  const refresh = useRefresh();
  const of = (file: StoreFile) => ({ params: { vector_store_id: storeId, file_id: file.id } });
  return {
    /** Take a file in again that failed or was stopped. */
    retry: async (file: StoreFile): Promise<void> => {
      const never = file.source_url !== null && file.bytes === 0;
      if (never) {
        // It was never fetched: there is no file yet that could be taken in again.
        await api.post(FILES, {
          params: { vector_store_id: storeId },
          body: { url: file.source_url, attributes: file.attributes },
        });
        await api.delete(FILE, of(file));
      } else {
        await api.post(FILES, { params: { vector_store_id: storeId }, body: { file_id: file.id } });
      }
      await refresh(storeId);
    },
    /** Stop the work on it. */
    stop: async (file: StoreFile): Promise<void> => {
      if (file.job_id === null) return;
      await api.post("/v1/jobs/{job_id}/cancel", { params: { job_id: file.job_id } });
      await refresh(storeId);
    },
    /** Take it out of the collection; the file itself stays. */
    remove: async (file: StoreFile): Promise<void> => {
      await api.delete(FILE, of(file));
      await refresh(storeId);
    },
    /** Delete the file for good, out of every collection. */
    erase: async (file: StoreFile): Promise<void> => {
      await api.delete("/v1/files/{file_id}", { params: { file_id: file.id } });
      await refresh(storeId);
    },
    /** Have other attributes. */
    describe: async (file: StoreFile, attributes: StoreFile["attributes"]): Promise<void> => {
      await api.post(FILE, { ...of(file), body: { attributes } });
      await refresh(storeId);
    },
  };
}
