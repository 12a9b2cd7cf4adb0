// Makes docs/picture.svg: runs the built `rr` for real on fixture repositories, in a scratch folder that looks like this
// checkout, and draws the lines it printed. Usage: node scripts/picture.mjs [FIXTURE…]   (default: the two of the README)
// Nothing is invented: the text is what was captured; paths of the scratch folder are shown relative to it, and the
// colours, which rr leaves out where no terminal is, are put back by the rules rr has for them.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'dist/rr/bin.js');
const fixtures = process.argv.length > 2 ? process.argv.slice(2) : ['express-hello', 'heal-missing-module'];

/** What a person would have seen: the prompt, then each line. */
function capture(scratch, fixture) {
  const source = `test/repos/${fixture}`;
  const env = { ...process.env, NO_COLOR: '1', RR_BROKER_IDLE_MS: '2000' };
  for (const name of ['RR_HOME', 'NATS_URL', 'RR_HOST']) delete env[name];
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'run', source, '--once'], {
    cwd: scratch,
    env,
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`rr run ${source} --once ended with ${status}\n${stdout}${stderr}`);
  const lines = stdout.trimEnd().split('\n');
  return [`$ rr run ${source} --once`, ...lines.map((line) => line.replaceAll(`${scratch}/`, ''))];
}

const colours = {
  plain: '#d0d7de',
  dim: '#7d8590',
  green: '#3fb950',
  red: '#f85149',
  yellow: '#d29922',
  bold: '#f0f6fc',
};

/** A line as pieces `[column, style, text]`; the rules are those of clients/cli/voice.ts. */
function paint(line) {
  if (line.startsWith('$ '))
    return [
      [0, 'dim', '$'],
      [2, 'bold', line.slice(2)],
    ];
  const row = /^([✓✗↻↺]) (\S+ *) ( *(?:[\d.]+ s)?) {2}(.*)$/.exec(line);
  if (row) {
    const [, mark, step, ms, text] = row;
    const style = { '✓': 'green', '✗': 'red', '↻': 'yellow', '↺': 'yellow' }[mark];
    const at = 2 + step.length + 1;
    return [
      [0, style, mark],
      [2, 'plain', step],
      [at, 'dim', ms],
      [at + ms.length + 2, 'plain', text],
    ];
  }
  const [, name, rest] = /^(repo-runner)( .*)$/.exec(line) ?? [];
  if (name)
    return [
      [0, 'bold', name],
      [name.length, 'plain', rest],
    ];
  const healthy = /^(healthy)( in [\d.]+ s)( +.*)?$/.exec(line);
  if (healthy) {
    const [, word, took, url = ''] = healthy;
    return [
      [0, 'green', word],
      [word.length, 'plain', took],
      [word.length + took.length, 'bold', url],
    ];
  }
  if (line.startsWith('! ')) return [[0, 'yellow', line]];
  return [[0, /^ {2}(run|bundle|Ctrl-C) /.test(line) ? 'dim' : 'plain', line]];
}

/** Long lines go on below, under their own text, as a terminal would not do but a reader likes. */
function wrap(line, width) {
  if (line.length <= width) return [line];
  const indent = /^[✓✗↻↺] /.test(line) ? 23 : 4;
  const cut = Math.max(line.lastIndexOf(' ', width), indent + 10);
  return [line.slice(0, cut), ...wrap(' '.repeat(indent) + line.slice(cut).trimStart(), width)];
}

function draw(lines) {
  const [size, charWidth, lineHeight, pad, bar] = [13, 7.83, 19, 18, 30];
  const columns = Math.max(...lines.map((line) => line.length), 80);
  const width = Math.ceil(columns * charWidth + 2 * pad);
  const height = bar + lines.length * lineHeight + 2 * pad - 6;
  const inXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const round = (number) => Number(number.toFixed(2));
  const text = lines.flatMap((line, n) => {
    const y = bar + pad + n * lineHeight + 6;
    return paint(line).flatMap(([column, style, piece]) => {
      const shown = piece.trim();
      if (shown === '') return [];
      const x = round(pad + (column + piece.indexOf(shown[0])) * charWidth);
      // A fixed length keeps the columns straight in whatever font the reader has.
      return `<text x="${x}" y="${y}" fill="${colours[style]}"${style === 'bold' ? ' font-weight="600"' : ''} textLength="${round(shown.length * charWidth)}" lengthAdjust="spacingAndGlyphs">${inXml(shown)}</text>`;
    });
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    '<title>rr runs repositories in a terminal</title>',
    `<desc>${inXml(lines.join('\n'))}</desc>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    `<path d="M0 ${bar}V8a8 8 0 0 1 8-8H${width - 8}a8 8 0 0 1 8 8V${bar}z" fill="#161b22"/>`,
    ...[0, 1, 2].map((n) => `<circle cx="${20 + n * 18}" cy="${bar / 2}" r="5" fill="#30363d"/>`),
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${size}" xml:space="preserve">`,
    ...text,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

if (!existsSync(bin)) throw new Error('there is no built rr, run `npm run build` first');
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'rr-picture-')));
try {
  for (const fixture of fixtures)
    cpSync(join(root, 'test/repos', fixture), join(scratch, 'test/repos', fixture), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    });
  const git = (...args) =>
    execFileSync('git', ['-c', 'user.name=rr', '-c', 'user.email=rr@example.invalid', ...args], { cwd: scratch });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'fixtures');
  const lines = fixtures.flatMap((fixture, n) => [...(n > 0 ? [''] : []), ...capture(scratch, fixture)]);
  const shown = lines.flatMap((line) => wrap(line, 104));
  if (shown.some((line) => line.includes(scratch) || line.includes(root)))
    throw new Error('an absolute path would be in the picture');
  console.log(shown.join('\n'));
  writeFileSync(join(root, 'docs/picture.svg'), draw(shown));
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 });
}
