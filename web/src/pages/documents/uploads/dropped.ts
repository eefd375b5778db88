/** All files of what was dropped, those inside folders too. */
export async function droppedFiles(data: DataTransfer): Promise<File[]> {
  // Entries have to be asked for before the event ends; what has none is a plain file.
  const entries = Array.from(data.items, (item) => (item.kind === "file" ? item.webkitGetAsEntry() : null));
  const plain = Array.from(data.files);
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found = await Promise.all(entries.filter((entry) => entry !== null).map(within));
  return found.flat();
}

async function within(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    // Hidden files (.DS_Store, .git) are nobody's documents.
    const shown = some.filter((one) => !one.name.startsWith("."));
    found.push(...(await Promise.all(shown.map(within))).flat());
  }
}
