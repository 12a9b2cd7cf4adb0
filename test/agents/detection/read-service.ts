/** What a detector says of a fixture repository, or of files written to a scratch folder; every claim's line is checked. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Service } from '../../../agents/detection/contract.js';
import { type Detector, openPlace } from '../../../agents/detection/place.js';
import { openTree } from '../../../providers/tree.js';

export const fixture = (name: string): string => join(import.meta.dirname, '../../repos', name);

export function scratch(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'rr-detect-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

export async function look(detector: Detector, root: string, path = '.'): Promise<Service | null> {
  const service = detector(openPlace(await openTree(root), path));
  if (service === null) return null;
  const { versions, ports, env, proof, evidence } = Service.parse(service);
  expect(evidence.length).toBeGreaterThan(0);
  const cited = [...Object.values(versions), ...ports, ...env, ...proof.paths].map(({ from }) => from);
  for (const { claim, file, line } of evidence) {
    expect(claim).not.toBe('');
    cited.push(line === null ? file : `${file}:${line}`);
  }
  for (const from of cited) expect(hasLine(root, from), `${from} is a line of a file`).toBe(true);
  return service;
}
export async function found(detector: Detector, root: string, path = '.'): Promise<Service> {
  const service = await look(detector, root, path);
  if (service === null) throw new Error(`nothing was found in ${root}`);
  return service;
}
/** The claim that stands at `file:line`, or the claims of a file. */
export const claims = ({ evidence }: Service): string[] =>
  evidence.map(({ claim, file, line }) => `${claim} (${line === null ? file : `${file}:${line}`})`);

function hasLine(root: string, from: string): boolean {
  const [file = '', line = '1'] = from.split(/:(?=\d+$)/);
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return (lines[Number(line) - 1] ?? '').trim() !== '';
}
