/** What a package script really runs: its last command, without the wrappers in front. */
import type { Place } from '../../place.js';
import { asTable, asText, at } from '../../values.js';

export interface Script {
  name: string;
  /** As written. */
  text: string;
  /** The last command of it, wrappers and environment left out, other scripts of the package resolved. */
  last: string;
  words: string[];
  /** The file it hands to a runtime, from the place. */
  entry: string | null;
  /** Restarts on change, or is a framework's development server. */
  develops: boolean;
  /** Flags can be handed on to `last` by appending them to the script. */
  open: boolean;
  /** Runs the scripts of other packages, or several things at once. */
  delegates: boolean;
}
export type Scripts = ReadonlyMap<string, Script>;

const WRAPPER =
  /^(?:(?:[A-Za-z_]\w*=(?:'[^']*'|"[^"]*"|\S*)|cross-env(?:-shell)?|env|exec|npx|bunx|pnpx|(?:npm|pnpm|yarn) exec(?: --)?|pnpm dlx|yarn dlx|node_modules\/\.bin\/|\.\/node_modules\/\.bin\/|dotenvx? (?:run )?(?:-[\w-]+(?:[ =]\S+)? )*--|dotenvx run|env-cmd(?: -f \S+)?|infisical run --|doppler run --)\s+)+/;
const RUN = /^(?:npm|pnpm|yarn|bun) (?:run(?:-script)? )?(?:-s |--silent )?([\w:.-]+)((?: .*)?)$/;
const OWN_WORDS = /^(?:install|i|ci|add|exec|dlx|publish|pack|link|workspace|workspaces|create|init|test|audit|x)$/;
const DELEGATES =
  /^(?:turbo|nx|lerna|moon|concurrently|npm-run-all|run-p|run-s|wsrun|ultra|rush|stmux|mprocs|docker|docker-compose|podman|pm2|foreman|overmind|make|vercel|netlify|wrangler|sls|serverless|sst|firebase|heroku|tsc-watch)\b|^(?:npm|pnpm|yarn|bun)\b.*(?:--workspaces?\b|-w\b|--filter\b|-r\b|--recursive\b|--prefix\b|--cwd\b|\bworkspaces? )/;
const DEVELOPS =
  /^(?:nodemon|ts-node-dev|tsnd|supervisor|node-dev|tsx watch|vite-node (?:-w|--watch)|node (?:.* )?--watch|bun (?:run )?(?:--watch|--hot)|deno .*--watch|nest start .*(?:--watch|-w\b|--debug)|next dev|next$|nuxt dev|nuxi dev|nuxt$|nuxi$|vite dev|vite serve|astro dev|astro start|gatsby (?:develop|start)|react-scripts start|react-app-rewired start|craco start|vue-cli-service serve|ng (?:serve|s|start)\b|webpack serve|webpack-dev-server|rspack (?:serve|dev)|rsbuild dev|remix (?:dev|vite:dev)|react-router dev|svelte-kit dev|vinxi dev|docusaurus start|vitepress dev|vuepress dev|storybook|start-storybook|parcel (?!build)|preact watch|expo start|tauri dev|electron|http-server-watch|live-server|browser-sync|encore dev-server|strapi develop|ts-node .*--watch|medusa develop|keystone dev|payload dev|solid-start dev|snowpack dev|hexo server|gulp|grunt)/;
const VITE_DEVELOPS = /^vite(?: (?!build|preview|optimize)|$)/;
const ELEVENTY_SERVES = /^(?:eleventy|@11ty\/eleventy)\b.*--(?:serve|watch)/;
/** Programs whose first plain word is a file to run. */
const RUNTIME =
  /^(?:node|nodemon|tsx|ts-node|ts-node-esm|ts-node-dev|tsnd|bun|deno|babel-node|esno|swc-node|supervisor|node-dev|vite-node|jiti|coffee|forever|electron)$/;

export function readScripts(place: Place): Scripts {
  const table = asTable(at(place.json('package.json'), 'scripts'));
  const scripts = new Map<string, Script>();
  for (const [name, value] of Object.entries(table)) {
    const text = asText(value);
    if (text !== null) scripts.set(name, readScript(name, text, table, place));
  }
  return scripts;
}

export function readScript(name: string, text: string, table: Record<string, unknown>, place: Place): Script {
  let last = lastCommand(text);
  let open = true;
  let delegates = DELEGATES.test(last);
  for (let hops = 0; hops < 5; hops++) {
    const run = RUN.exec(last);
    if (run === null || OWN_WORDS.test(run[1]!)) break;
    const inner = Object.hasOwn(table, run[1]!) ? asText(table[run[1]!]) : null;
    if (inner === null || inner === text) break;
    // npm needs `--` once for every hop; one hop is what we hand flags through.
    open = false;
    delegates ||= DELEGATES.test(lastCommand(inner));
    last = `${lastCommand(inner)}${run[2]!.replace(/^ --(?= )/, '')}`;
  }
  const words = last.split(/\s+/).map((word) => word.replace(/^['"]|['"]$/g, ''));
  return {
    name,
    text,
    last,
    words,
    entry: findEntryWord(words, place),
    develops: DEVELOPS.test(last) || VITE_DEVELOPS.test(last) || ELEVENTY_SERVES.test(last),
    open: open && !/[|;&]\s*$|\|\||(?<!&)&(?!&)|\|/.test(text),
    delegates: delegates || /(?<![&>])&(?![&>])/.test(text),
  };
}

function lastCommand(text: string): string {
  const parts = text
    .split(/&&|;|\|\||(?<![&>])&(?![&>])/)
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== 'true' && !/^(?:cd|echo|rimraf|rm|mkdir|cp|sleep)\b/.test(part));
  return (parts.at(-1) ?? text.trim()).replace(WRAPPER, '').replace(/^(?:\.\/)?node_modules\/\.bin\//, '');
}

/** Options of Node and its kin that take the next word as their value. */
const TAKES_VALUE =
  /^(?:-r|--require|--import|--loader|--experimental-loader|-P|--project|--tsconfig|--env-file|-e|--exec|-w|--watch|--watch-path|--ext|--ignore|-c|--config|--config-file|-C|--conditions|--delay|--signal|--legacy-watch)$/;

function findEntryWord(words: readonly string[], place: Place): string | null {
  if (!RUNTIME.test(words[0]!)) return null;
  for (let index = 1; index < words.length; index++) {
    const word = words[index]!;
    if (word === 'watch' || word === 'run' || word === '--') continue;
    if (word.startsWith('-')) {
      // `--watch src` names a folder for nodemon, but for Node itself it takes nothing.
      if (
        TAKES_VALUE.test(word) &&
        !(words[0] === 'node' && /^(?:--watch|-w)$/.test(word)) &&
        word !== '--legacy-watch'
      )
        index++;
      continue;
    }
    return findFile(place, word);
  }
  return null;
}

const ENDINGS = ['', '.js', '.ts', '.mjs', '.cjs', '.mts', '/index.js', '/index.ts', '/index.mjs'];
/** The file a word stands for as Node would find it, whether it is there or not (then as written). */
export function findFile(place: Place, word: string): string {
  const plain = word.replace(/^\.\//, '').replace(/\/+$/, '') || '.';
  if (plain === '.')
    return place.has('index.js')
      ? 'index.js'
      : (place.names.find((name) => /^index\.[cm]?[jt]s$/.test(name)) ?? 'index.js');
  for (const ending of ENDINGS) if (place.has(plain + ending)) return plain + ending;
  return plain;
}

/** Folders that a build fills: a file there may be missing until then. */
export const isOutput = (path: string): boolean =>
  /^(?:\.?\/)*(?:dist|build|lib|out|output|\.output|\.next|\.nuxt|bin|compiled|release|target|esm|cjs|es|tmp|\.build|\.svelte-kit|server-dist|dist-\w+|public\/build)(?:\/|$)/.test(
    path,
  );
