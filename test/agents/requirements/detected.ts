import type { Hint, Service } from '../../../agents/detection/contract.js';

export const service = (said: Partial<Service> = {}): Service => ({
  name: 'app',
  path: '.',
  kind: 'web-service',
  language: 'node',
  framework: null,
  packageManager: 'npm',
  versions: {},
  commands: { install: ['npm ci'], build: [], start: 'npm start' },
  ports: [],
  env: [],
  needs: [],
  proof: { how: 'http', command: null, paths: [] },
  writes: ['node_modules'],
  confidence: 0.8,
  evidence: [{ claim: 'npm start', file: 'package.json', line: 3 }],
  ...said,
});
const said = { path: '.', weight: 0.7 };
export const port = (number: number, more: Partial<Hint> = {}): Hint =>
  ({ about: 'port', number, from: 'x:1', ...said, ...more }) as Hint;
export const version = (tool: string, want: string, from: string, more: Partial<Hint> = {}): Hint =>
  ({ about: 'version', tool, want, from, ...said, ...more }) as Hint;
export const env = (name: string, more: object = {}): Hint =>
  ({ about: 'env', name, required: false, secret: false, default: null, from: 'x:1', ...said, ...more }) as Hint;
export const need = (name: string, more: Partial<Hint> = {}): Hint =>
  ({ about: 'need', service: name, from: 'x:1', ...said, ...more }) as Hint;
export const health = (route: string, more: Partial<Hint> = {}): Hint =>
  ({ about: 'health', route, from: 'x:1', ...said, ...more }) as Hint;
