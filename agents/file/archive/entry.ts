/** What an archive holds, whatever its format. Names are bytes: archives know no encoding that could be relied upon. */
export interface Entry {
  /** As written in the archive, `/` between folders. */
  name: Buffer;
  type: 'file' | 'folder' | 'link' | 'hardlink';
  /** Of a file, in bytes, as the archive claims. */
  size: number;
  executable: boolean;
  /** Of a link: where it leads; of a hard link: the entry it repeats. */
  target: Buffer | null;
}
export interface Item extends Entry {
  /** The bytes of a file, to be read before the next entry is asked for; never more than `size`. */
  content(): AsyncIterable<Buffer>;
}
/** Reads an archive from its start; may be called again. Each call opens the file anew. */
export type ReadEntries = () => AsyncGenerator<Item, void, void>;

/** What makes an archive unreadable; becomes ARCHIVE_BROKEN. */
export class BrokenArchive extends Error {}
