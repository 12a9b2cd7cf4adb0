/** Python that serves no page: workers, command-line tools, libraries, scripts, notebooks. */
import type { Evidence, Service } from '../../contract.js';
import { makeService } from '../../place.js';
import { asTable, asText, at } from '../../values.js';
import { split } from './django.js';
import { readEndless } from './facts.js';
import { importName } from './import-path.js';
import { importLine, pickEntry } from './launched.js';
import { type PythonModule, readAssignment, readCall } from './module.js';
import type { Project } from './project.js';
import { shell } from './serve.js';

const BOTS = [
  'discord',
  'telegram',
  'aiogram',
  'telebot',
  'slack_bolt',
  'pyrogram',
  'nextcord',
  'disnake',
  'apscheduler',
  'schedule',
];

export function detectWorker({ place, declared, modules, files }: Project): Service | null {
  const make = (
    module: PythonModule,
    framework: string | null,
    start: string,
    claim: string,
    line: number | null,
    confidence: number,
  ): Service =>
    makeService(place, {
      kind: 'worker',
      language: 'python',
      framework,
      commands: { install: declared.install, build: [], start },
      proof: { how: 'log', command: null, paths: [] },
      confidence,
      evidence: [{ claim, file: place.full(module.file), line }],
    });
  for (const module of modules.values())
    for (const statement of module.statements) {
      const assigned = statement.inside.length === 0 ? readAssignment(statement) : null;
      const call = assigned === null ? null : readCall(module, assigned.value, 0);
      if (assigned === null || (call?.name !== 'celery.Celery' && call?.name !== 'celery.app.Celery')) continue;
      const { dotted, importRoot } = importName(module, files);
      const path = importRoot === '.' ? '' : `PYTHONPATH=${shell(importRoot)} `;
      const start = `${path}${declared.python} -m celery -A ${dotted}:${assigned.target} worker --loglevel info`;
      return make(module, 'celery', start, `${assigned.target} is a Celery app`, statement.line, 0.8);
    }
  const entry = pickEntry(
    [...modules.values()].filter((module) => module.guard !== null || !module.file.includes('/')),
  );
  if (entry === null) return null;
  const run = `${declared.python} ${shell(entry.file)}`;
  const bot = BOTS.find((name) => importLine(entry, name) !== null);
  if (bot !== undefined) return make(entry, bot, run, `${entry.file} runs on ${bot}`, importLine(entry, bot), 0.65);
  const endless = readEndless(entry);
  // A loop that asks questions is a dialogue, not a worker.
  if (endless === null || declared.scripts.length > 0 || /\binput\s*\(/.test(entry.text)) return null;
  return make(entry, null, run, 'loops without end', endless, 0.55);
}

export function detectTool({ place, declared, modules, files }: Project): Service | null {
  const make = (start: string, framework: string | null, evidence: Evidence[], confidence: number): Service =>
    makeService(place, {
      kind: 'cli',
      language: 'python',
      framework,
      commands: { install: declared.install, build: [], start },
      proof: { how: 'exit', command: `${start} --help`, paths: [] },
      confidence,
      evidence,
    });
  const library = ['click', 'typer', 'argparse', 'fire', 'docopt', 'cyclopts'];
  const used = (module: PythonModule): string | undefined => library.find((name) => importLine(module, name) !== null);
  const [script] = declared.scripts;
  if (script !== undefined && (declared.isPackage || declared.packageManager !== 'pip')) {
    const framework = library.find((name) => declared.dependencies.has(name)) ?? null;
    return make(
      `.venv/bin/${script.name}`,
      framework,
      [{ claim: `installs the command ${script.name} (${script.target})`, ...split(script.from) }],
      0.9,
    );
  }
  const main = [...modules.values()].find(
    (module) => /(^|\/)__main__\.py$/.test(module.file) && module.file.includes('/'),
  );
  if (main !== undefined) {
    const { dotted, importRoot } = importName(main, files);
    const path = importRoot === '.' ? '' : `PYTHONPATH=${shell(importRoot)} `;
    const start = `${path}${declared.python} -m ${dotted.replace(/\.?__main__$/, '')}`;
    return make(
      start,
      used(main) ?? null,
      [{ claim: 'the package can be run as a module', file: place.full(main.file), line: 1 }],
      0.7,
    );
  }
  const entry = pickEntry(
    [...modules.values()].filter((module) => module.guard !== null && used(module) !== undefined),
  );
  if (entry === null || (declared.isPackage && entry.file.includes('/'))) return null;
  const by = used(entry)!;
  const framework = by === 'argparse' ? null : by;
  return make(
    `${declared.python} ${shell(entry.file)}`,
    framework,
    [{ claim: `reads its arguments with ${by}`, file: place.full(entry.file), line: importLine(entry, by) }],
    0.65,
  );
}

/** A package without an entry: its tests prove it, else that it can be imported. */
export function detectLibrary(project: Project): Service | null {
  const { place, declared, files, tests } = project;
  if (!declared.isPackage) return null;
  const [by, evidence] = chooseTests(project);
  const packages = [...files].filter(
    (file) => /^(src\/)?[^/]+\/__init__\.py$/.test(file) || /^src\/[^/]+\.py$/.test(file) || !file.includes('/'),
  );
  const wanted = (declared.name ?? '').toLowerCase().replace(/[-.]+/g, '_');
  const module = packages
    .map((file) => file.replace(/^src\//, '').replace(/(\/__init__)?\.py$/, ''))
    .sort((a, b) => Number(b.toLowerCase() === wanted) - Number(a.toLowerCase() === wanted))[0];
  const install = [...declared.install];
  if (by === 'pytest' && !declared.dependencies.has('pytest')) {
    // Groups and extras are not installed with the package by pip; by the other tools they are.
    if (declared.packageManager === 'pip') install.push('.venv/bin/python -m pip install pytest');
    else if (!declared.development.has('pytest'))
      evidence.push({ claim: 'pytest is imported but not declared', file: evidence[0]!.file, line: evidence[0]!.line });
  }
  const command =
    by === 'pytest'
      ? `${declared.python} -m pytest -q`
      : by === 'unittest'
        ? `${declared.python} -m unittest discover${tests.every((file) => file.startsWith('tests/')) ? ` -s tests${place.has('tests/__init__.py') ? ' -t .' : ''}` : ''}`
        : module === undefined
          ? null
          : `${declared.python} -c 'import ${module}'`;
  const manifest = place.has('pyproject.toml') ? 'pyproject.toml' : place.has('setup.cfg') ? 'setup.cfg' : 'setup.py';
  return makeService(place, {
    kind: 'library',
    language: 'python',
    commands: { install, build: [], start: null },
    proof: { how: 'exit', command, paths: [] },
    writes: by === 'pytest' ? ['.pytest_cache'] : [],
    confidence: 0.8,
    evidence: [
      place.evidence(
        'a package that starts nothing',
        manifest,
        /^\[project\]|^\[tool\.poetry\]|^\[metadata\]|setup\s*\(/,
      ),
      ...evidence,
    ],
  });
}

/** By whose rules the tests are written, and where that is seen. */
export function chooseTests({
  place,
  tests,
}: Pick<Project, 'place' | 'tests'>): ['pytest' | 'unittest' | null, Evidence[]] {
  const [pytest] = place.search(/^[ \t]*(import pytest\b|from pytest\b|(async )?def test_\w*\()/, tests);
  const [unittest] = place.search(/\bTestCase\b/, tests);
  // `def test_` indented in a TestCase is unittest's own.
  const [plain] = place.search(/^(import pytest\b|from pytest\b|(async )?def test_\w*\()/, tests);
  if (plain !== undefined || (pytest !== undefined && unittest === undefined)) {
    const hit = plain ?? pytest!;
    return ['pytest', [{ claim: 'has tests for pytest', file: hit.file, line: hit.line }]];
  }
  return unittest === undefined
    ? [null, []]
    : ['unittest', [{ claim: 'has tests for unittest', file: unittest.file, line: unittest.line }]];
}

/** A file to run once. */
export function detectScript({ place, declared, modules, files, own }: Project): Service | null {
  const direct = [...files].filter((file) => !file.includes('/'));
  const guarded = [...modules.values()].filter((module) => module.guard !== null);
  const named = ['main.py', 'app.py', 'run.py', 'start.py', '__main__.py', 'script.py', 'bot.py'].find((file) =>
    direct.includes(file),
  );
  const entry =
    named ??
    pickEntry(guarded.filter(({ file }) => !file.includes('/')))?.file ??
    (direct.length === 1 ? direct[0]! : pickEntry(guarded)?.file);
  if (entry === undefined) return null;
  const guard = modules.get(entry)?.guard ?? null;
  const claim = guard === null ? `${entry} is a script` : `${entry} runs its main part when started`;
  return makeService(place, {
    kind: 'job',
    language: 'python',
    commands: { install: declared.install, build: [], start: `${declared.python} ${shell(entry)}` },
    proof: { how: 'exit', command: null, paths: [] },
    confidence: (named !== undefined ? 0.5 : 0.35) + (own ? 0.1 : 0),
    evidence: [{ claim, file: place.full(entry), line: guard ?? 1 }],
  });
}

export function detectNotebook({ place, declared, notebooks }: Project): Service | null {
  const readable = notebooks.filter((file) => (place.read(file) ?? '').includes('"cells"'));
  const file = [...readable].sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))[0];
  if (file === undefined) return null;
  const kernel = asText(at(asTable(place.json(file)), 'metadata', 'kernelspec', 'language')) ?? 'python';
  if (kernel !== 'python') {
    place.notes.push(
      `${place.from(file, '"kernelspec"')}: the notebook's kernel is of ${kernel}; only those of Python are run`,
    );
    return null;
  }
  const has = (...names: string[]): boolean => names.some((name) => declared.dependencies.has(name));
  const missing = has('jupyter', 'jupyterlab', 'notebook')
    ? []
    : ['nbconvert', 'ipykernel'].filter((name) => !has(name));
  const install = declared.install.length > 0 ? [...declared.install] : ['python3 -m venv .venv'];
  const evidence = [place.evidence(`${file} is a Jupyter notebook`, file, '"cells"')];
  if (missing.length > 0) {
    install.push(`.venv/bin/python -m pip install ${missing.join(' ')}`);
    evidence.push(place.evidence(`${missing.join(' and ')} run it and are not declared`, file, '"cells"'));
  }
  const start = `.venv/bin/python -m nbconvert --to notebook --execute --stdout ${shell(file)} > /dev/null`;
  return makeService(place, {
    kind: 'notebook',
    language: 'python',
    framework: 'jupyter',
    packageManager: 'pip',
    commands: { install, build: [], start },
    proof: { how: 'exit', command: null, paths: [] },
    writes: ['.venv'],
    confidence: 0.7,
    evidence,
  });
}
