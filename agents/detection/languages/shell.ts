/** A script that starts things: `start.sh`, `run.sh`. Weak beside any manifest, all there is without one. */
import { type Detector, makeService } from '../place.js';
import { citeAt, evidenceAt, findAll, findFirst, openSource, portIn, SHELL, word } from './source.js';

const NAMES = [
  'start.sh',
  'run.sh',
  'serve.sh',
  'server.sh',
  'bin/start',
  'bin/start.sh',
  'scripts/start.sh',
  'main.sh',
];
const SERVERS =
  /\b(?:http\.server|http-server|runserver|uvicorn|gunicorn|hypercorn|flask\s+run|streamlit|rackup|puma|rails\s+s(?:erver)?|php\s+(?:-\w+\s+)*-S|artisan\s+serve|busybox\s+httpd|httpd\s+-f|nginx|caddy|nc\s+-\w*l|socat|serve\s+-|npm\s+(?:start|run\s+(?:start|serve|dev))|node\s+\S+|deno\s+(?:run|serve)|bun\s+\S+|java\s+-jar|dotnet\s+run)\b/g;

export const detectShell: Detector = (place) => {
  const file = NAMES.find((name) => place.has(name));
  if (file === undefined) return null;
  const source = openSource(place, file, SHELL);
  if (source === null) return null;
  // By the interpreter that the first line names: the executable bit may be lost.
  const shebang = /^#!\s*(?:\/usr\/bin\/env\s+(?:-S\s+)?)?(\S+)/.exec(source.text)?.[1]?.split('/').at(-1);
  const shell = shebang !== undefined && /^(?:ba|da|z|k)?sh$/.test(shebang) ? shebang : 'sh';
  // Of a program in another language the name alone says nothing.
  if (shebang !== undefined && shell === 'sh' && shebang !== 'sh') return null;
  const evidence = [place.evidence(`${file} is a script to start it`, file, /./)];
  const serving = findFirst([source], SERVERS);
  const port = findAll(source, /\$\{?PORT\b/g)[0];
  const ports = findAll(
    source,
    /\bPORT\s*(?::?=|:-)\s*|\$\{PORT:?[-=]|--port[ =]|\s-p\s+|\bhttp\.server\s+|:(?=\d{2,5}\b)/g,
  ).flatMap((found) => {
    const number = portIn(found.rest);
    return number === null ? [] : [{ number, from: citeAt(place, found) }];
  });
  const isServer = serving !== null || port !== undefined;
  if (serving !== null) evidence.push(evidenceAt(place, `runs ${serving.match[0].trim()}`, serving));
  if (port !== undefined) evidence.push(evidenceAt(place, 'reads PORT from the environment', port));
  const loop = isServer ? null : findFirst([source], /\bwhile\s+(?:true|:|\[\s*1\s*\])/g);
  if (loop !== null) evidence.push(evidenceAt(place, 'loops without end', loop));
  return makeService(place, {
    kind: isServer ? 'web-service' : loop === null ? 'job' : 'worker',
    language: 'shell',
    commands: { install: [], build: [], start: `${shell} ${word(file)}` },
    ports: ports.filter(({ number }, index) => ports.findIndex((each) => each.number === number) === index),
    proof: { how: isServer ? 'http' : loop === null ? 'exit' : 'log', command: null, paths: [] },
    confidence: isServer ? 0.5 : 0.35,
    evidence,
  });
};
