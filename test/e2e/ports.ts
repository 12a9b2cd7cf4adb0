/** Ports that no neighbour wants: most fixtures would listen on the same few. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const given = new Set<number>();
const taken = (): Set<number> =>
  new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
      readFileSync(table, 'latin1')
        .split('\n')
        .slice(1, -1)
        .map((line) => Number.parseInt(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4})/.exec(line)![1]!, 16)),
    ),
  );

/** Below the range that the system hands out by itself, and never the same twice. */
export function freePort(): number {
  const held = taken();
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (held.has(port) || given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** Gives everything in a folder ports of its own for those that everybody falls back on. */
export function ownPorts(folder: string): void {
  const own = new Map<string, string>();
  const ownOf = (port: string): string => {
    if (!own.has(port)) own.set(port, String(freePort()));
    return own.get(port)!;
  };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /lock/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, 'latin1');
    const changed = text.replace(/\b(3000|5000|8000|8080)\b/g, ownOf);
    if (changed !== text) writeFileSync(path, changed, 'latin1');
  }
}
