// Holds the floors of the house (docs/architecture.md): imports go down, neighbours talk by message.
// Usage: node scripts/floors.mjs [ROOT]. Prints each violation as file:line and exits with 1 if there is one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Floors, lowest first; rooms on one floor share an entry. */
const floors = [
  ['runtime'],
  ['checkpoints', 'providers'],
  ['agents', 'managers'],
  ['workflows'],
  ['actors'],
  ['clients'],
];
const floorOf = new Map(floors.flatMap((rooms, n) => rooms.map((room) => [room, n])));
/** Rooms divided into flats: one does not enter another's, but for its contract. */
const divided = new Set(['agents', 'managers']);
/** The one client file that may embed a runtime. */
const embeds = new Set(['clients/cli/embed.ts']);

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const files = [...floorOf.keys()].flatMap((room) =>
  existsSync(join(root, room))
    ? readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
        .map((name) => posix.join(room, name.split('\\').join('/')))
    : [],
);
const faults = [];
const graph = new Map();

/** Every import of a file, static, re-exported, of types or dynamic: `{ to, line }`. */
function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [];
  for (const match of text.matchAll(
    /(?:^|[\s;}])(?:import|export)\s[^'"`;]*?from\s*(['"])(.+?)\1|(?:^|[\s;(])import\s*\(\s*(['"])(.+?)\3|^import\s*(['"])(.+?)\5/gm,
  )) {
    const to = match[2] ?? match[4] ?? match[6];
    const line = text.slice(0, match.index + match[0].lastIndexOf(to)).split('\n').length;
    found.push({ to, line });
  }
  return found;
}
/** `contract.ts`, and its parts where it has grown: `contract-runs.ts`. */
const isContract = (file) => /\/contract(-[a-z]+)?\.ts$/.test(file);
const flatOf = (file) => file.split('/').slice(0, 2).join('/');

for (const file of files) {
  const room = file.split('/')[0];
  const targets = [];
  for (const { to, line } of importsOf(file)) {
    const fault = (why) => faults.push(`${file}:${line} imports ${to}: ${why}`);
    if (!to.startsWith('.')) {
      if (isContract(file) && to !== 'zod') fault('a contract imports only zod and other contracts');
      continue;
    }
    const target = posix.normalize(posix.join(posix.dirname(file), to)).replace(/\.js$/, '.ts');
    const targetRoom = target.split('/')[0];
    targets.push(target);
    if (isContract(file) && !isContract(target)) fault('a contract imports only zod and other contracts');
    if (isContract(target)) continue;
    if (floorOf.has(targetRoom) && floorOf.get(targetRoom) > floorOf.get(room))
      fault(`${room} looks up at ${targetRoom}`);
    if (divided.has(room) && divided.has(targetRoom) && flatOf(file) !== flatOf(target))
      fault('neighbours import only each other’s contract.ts');
    if (room === 'clients' && targetRoom !== 'clients' && targetRoom !== 'runtime' && !embeds.has(file))
      fault('clients use contracts and the bus');
  }
  graph.set(file, targets);
}

const state = new Map();
function walk(file, path) {
  if (state.get(file) === 'done' || !graph.has(file)) return;
  if (state.get(file) === 'open') {
    faults.push(`${[...path.slice(path.indexOf(file)), file].join(' → ')}: a circle`);
    return;
  }
  state.set(file, 'open');
  for (const target of graph.get(file)) walk(target, [...path, file]);
  state.set(file, 'done');
}
for (const file of files) walk(file, []);

if (files.length === 0) faults.push(`no source found under ${relative(process.cwd(), root) || '.'}`);
for (const fault of faults) console.error(fault);
console.log(
  faults.length === 0 ? `floors: ${files.length} files, all imports go down` : `floors: ${faults.length} violations`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
