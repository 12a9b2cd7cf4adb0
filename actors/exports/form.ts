/** Whether an export is well formed, by the parsers of those it is for; nothing of it is carried out. */
import { spawnSync } from 'node:child_process';
import type { ExportFormat } from '../front-door/contract-runs.js';
import { readCompose } from './read-compose.js';

/** @returns what is wrong with it, a line each; none: it is well formed. */
export async function faultsOf(format: ExportFormat, text: string): Promise<string[]> {
  switch (format) {
    case 'dockerfile':
      return faultsOfDockerfile(text);
    case 'compose': {
      const read = readCompose(text, (name) => name);
      if ('faults' in read) return read.faults;
      return (
        await Promise.all(read.parts.map(({ build }) => (build === null ? [] : faultsOfDockerfile(build))))
      ).flat();
    }
    case 'github-actions': {
      const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
      const { context } = parseWorkflow({ name: 'proof.yml', content: text }, new NoOperationTraceWriter());
      return context.errors.getErrors().map(({ message }) => message);
    }
    case 'script': {
      const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8', timeout: 10_000 });
      return status === 0 ? [] : [stderr.trim() || 'the shell does not read it'];
    }
    default:
      try {
        JSON.parse(text);
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
  }
}

async function faultsOfDockerfile(text: string): Promise<string[]> {
  const { validate } = await import('dockerfile-utils');
  return (
    validate(text)
      .map(({ message, range }) => `line ${range.start.line + 1}: ${message}`)
      // It loses its way among quotes within quotes, which builders do not.
      .filter((fault) => !/looking for matching (?:single|double)-quote$/.test(fault))
  );
}
