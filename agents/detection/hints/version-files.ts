/** Files whose whole purpose is to pin a runtime: one line of one tool, or a table of tools. */
import type { Hint } from '../contract.js';
import { asTable, asText } from '../values.js';
import { openJson, openToml } from './documents.js';
import { type Source, type SourceFile, sayVersion } from './source.js';

const weight = 0.85;
const names: Record<string, string> = {
  nodejs: 'node',
  golang: 'go',
  'dotnet-core': 'dotnet',
  openjdk: 'java',
  'java-jdk': 'java',
};
/** The common name of a tool (`nodejs` → `node`, `npm:pnpm` → `pnpm`). */
const nameTool = (raw: string): string => {
  const bare = raw.replace(/^(?:core|npm|asdf|vfox|aqua|ubi|cargo|pipx):/, '').toLowerCase();
  return names[bare] ?? bare;
};
/** Release lines of Node by their code names; https://github.com/nodejs/Release. */
const codenames: Record<string, string> = {
  argon: '4',
  boron: '6',
  carbon: '8',
  dubnium: '10',
  erbium: '12',
  fermium: '14',
  gallium: '16',
  hydrogen: '18',
  iron: '20',
  jod: '22',
  krypton: '24',
};

/** A version as files write it: without `v`, a vendor (`temurin-17`) or a tool name (`ruby-3.2.0`) before it. */
function nameVersion(tool: string, raw: string): string {
  const plain = raw.trim().replace(/^(?:ref|prefix):/, '');
  if (tool === 'node') {
    const code = codenames[plain.toLowerCase().replace(/^lts[/-]/, '')];
    if (code !== undefined) return code;
    if (/^lts(?:\/\*)?$/i.test(plain)) return 'lts/*';
  }
  return plain.replace(/^v(?=\d)/, '').replace(/^[a-z]+(?:-[a-z]+)*-(?=\d)/i, '');
}

const firstWord = (file: SourceFile): { word: string; line: number } | null => {
  for (const [index, text] of file.text.split('\n').entries()) {
    const word = text.replace(/#.*$/, '').trim().split(/\s+/)[0];
    if (word) return { word, line: index + 1 };
  }
  return null;
};

const oneLine: Record<string, string> = {
  '.nvmrc': 'node',
  '.node-version': 'node',
  '.python-version': 'python',
  '.ruby-version': 'ruby',
  '.go-version': 'go',
  '.java-version': 'java',
  '.php-version': 'php',
  '.bun-version': 'bun',
  '.dvmrc': 'deno',
  '.crystal-version': 'crystal',
  '.swift-version': 'swift',
  '.zigversion': 'zig',
  '.zig-version': 'zig',
};

export const pinFiles: Source = {
  names:
    /^\.(?:nvmrc|node-version|python-version|ruby-version|go-version|java-version|php-version|bun-version|dvmrc|crystal-version|swift-version|zig-?version)$/,
  depth: 0,
  read(file): Hint[] {
    const tool = oneLine[file.path.split('/').at(-1)!];
    const first = firstWord(file);
    // A name such as pyenv's `my-virtualenv` or nvm's `node` pins nothing.
    if (tool === undefined || first === null) return [];
    const want = nameVersion(tool, first.word);
    return /\d|^lts\/\*$/.test(want) ? [sayVersion(file, first.line, weight, tool, want)] : [];
  },
};

export const runtimeTxt: Source = {
  names: /^runtime\.txt$/,
  depth: 0,
  read(file): Hint[] {
    const first = firstWord(file);
    const hit = first === null ? null : /^(python|node|ruby|java|php|go)-?(\d[\w.]*)$/i.exec(first.word);
    return hit === null ? [] : [sayVersion(file, first!.line, weight, hit[1]!.toLowerCase(), hit[2]!)];
  },
};

export const toolVersions: Source = {
  names: /^\.tool-versions$/,
  depth: 0,
  read: (file) =>
    file.text.split('\n').flatMap((text, index) => {
      const [tool, want] = text.replace(/#.*$/, '').trim().split(/\s+/);
      if (!tool || !want || /^(?:system|latest|path:)/.test(want)) return [];
      return [sayVersion(file, index + 1, weight, nameTool(tool), nameVersion(nameTool(tool), want))];
    }),
};

export const mise: Source = {
  names: /^(?:\.?mise(?:\.local)?|\.?rtx)\.toml$/,
  depth: 1,
  read(file): Hint[] {
    const doc = openToml(file);
    if (doc === null) return [];
    return Object.entries(asTable(asTable(doc.value).tools)).flatMap(([raw, given]) => {
      const first = Array.isArray(given) ? given[0] : given;
      const want = typeof first === 'number' ? String(first) : (asText(first) ?? asText(asTable(first).version));
      const tool = nameTool(raw);
      if (want === null || /^(?:system|latest|path:)/.test(want)) return [];
      return [sayVersion(file, doc.line('tools', raw), weight, tool, nameVersion(tool, want))];
    });
  },
};

export const rustToolchain: Source = {
  names: /^rust-toolchain(?:\.toml)?$/,
  depth: 0,
  read(file): Hint[] {
    if (!file.path.endsWith('.toml') && !file.text.includes('[')) {
      const first = firstWord(file);
      return first === null ? [] : [sayVersion(file, first.line, weight, 'rust', first.word)];
    }
    const doc = openToml(file);
    const channel = doc === null ? null : asText(asTable(asTable(doc.value).toolchain).channel);
    return channel === null ? [] : [sayVersion(file, doc!.line('toolchain', 'channel'), weight, 'rust', channel)];
  },
};

export const goMod: Source = {
  names: /^go\.(?:mod|work)$/,
  depth: 0,
  read: (file) =>
    file.text.split('\n').flatMap((text, index) => {
      // The line is the least version the module builds with.
      const want = /^go\s+(\d+(?:\.\d+)*)\s*(?:\/\/.*)?$/.exec(text.trim())?.[1];
      return want === undefined ? [] : [sayVersion(file, index + 1, 0.8, 'go', `>=${want}`)];
    }),
};

export const globalJson: Source = {
  names: /^global\.json$/,
  depth: 0,
  read(file): Hint[] {
    const doc = openJson(file, true);
    const want = doc === null ? null : asText(asTable(asTable(doc.value).sdk).version);
    return want === null ? [] : [sayVersion(file, doc!.line('sdk', 'version'), weight, 'dotnet', want)];
  },
};

export const systemProperties: Source = {
  names: /^system\.properties$/,
  depth: 0,
  read: (file) =>
    file.text.split('\n').flatMap((text, index) => {
      const hit = /^\s*(java|maven)\.(?:runtime\.)?version\s*[=:]\s*(\S+)/.exec(text);
      return hit === null ? [] : [sayVersion(file, index + 1, weight, hit[1]!, nameVersion(hit[1]!, hit[2]!))];
    }),
};

export const packageVersions: Source = {
  names: /^package\.json$/,
  depth: 0,
  read(file): Hint[] {
    const doc = openJson(file);
    if (doc === null) return [];
    const table = asTable(doc.value);
    const hints: Hint[] = [];
    for (const tool of ['node', 'npm', 'pnpm', 'yarn', 'bun', 'deno']) {
      const want = asText(asTable(table.engines)[tool]);
      // `please-use-pnpm` and the like forbid a tool by an impossible version.
      if (want !== null && /\d|^\*$/.test(want))
        hints.push(sayVersion(file, doc.line('engines', tool), 0.8, tool, want));
      const pinned = asText(asTable(table.volta)[tool]);
      if (pinned !== null) hints.push(sayVersion(file, doc.line('volta', tool), 0.9, tool, pinned));
    }
    const manager = /^(npm|pnpm|yarn|bun)@(\d[^+\s]*)/.exec(asText(table.packageManager) ?? '');
    if (manager !== null) hints.push(sayVersion(file, doc.line('packageManager'), 0.9, manager[1]!, manager[2]!));
    return hints;
  },
};
