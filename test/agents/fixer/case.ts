/** A failure as the run actor hands it over, and a service's folder as the fixer sees it. */
import { fetchable } from '../../../agents/database/contract.js';
import { type Action, emptyOverlay, type Fact, Heal } from '../../../agents/fixer/contract.js';
import type { Look } from '../../../agents/fixer/look.js';

export const cwd = '/app';
export interface Given {
  step?: string;
  tail?: string;
  code?: string;
  message?: string;
  look?: Partial<Look>;
  manifest?: Record<string, unknown>;
  service?: Partial<Heal['service']>;
  overlay?: Partial<Heal['overlay']>;
  tried?: Heal['tried'];
  port?: number | null;
  can?: Heal['can'];
  running?: Heal['running'];
  limit?: string;
  exitCode?: number;
  later?: Heal['later'];
}

export const lookOf = ({ look = {}, manifest }: Given): Look => ({
  files: manifest === undefined ? [] : ['package.json'],
  installed: [],
  bins: [],
  log: '',
  memoryMb: 4_000,
  nodeDir: '/usr',
  holder: null,
  packages: true,
  ownNetwork: false,
  fixed: [],
  ...look,
  texts: { ...(manifest === undefined ? {} : { 'package.json': JSON.stringify(manifest) }), ...look.texts },
});

export const healOf = ({
  step = 'start',
  tail = '',
  code = 'COMMAND_FAILED',
  message = 'it ended with exit code 1',
  service,
  overlay,
  tried = [],
  port = 4_100,
  can = [],
  limit,
  exitCode = 1,
  running = [],
  later = null,
}: Given): Heal =>
  Heal.parse({
    type: 'fixer.heal',
    step,
    phase: ['start', 'prove'].includes(step) ? 'run' : 'setup',
    error: { code, message, fix: 'read the log' },
    evidence: { command: 'a command', exitCode, signal: null, limit: limit ?? null, tail, log: '' },
    service: {
      name: 'web',
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
      confidence: 0.9,
      evidence: [],
      ...service,
    },
    overlay: { ...emptyOverlay, ...overlay },
    cwd,
    port,
    tried,
    can,
    running,
    later,
    startable: can.includes('start-service') ? fetchable : [],
  });

export const actionsOf = (fact: Fact): Action[] => (fact.type === 'fixer.fixed' ? fact.actions : []);
