import { address } from "@/api/client";

const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

/** Where the bytes of a file are. */
export function contentOf(id: string): string {
  return address("/v1/files/{file_id}/content", { file_id: id });
}

export function isPicture(contentType: string): boolean {
  return PICTURES.has(contentType);
}
