/** Workflows at the front door, and what a run that waits is told. */
import type { Message } from '../../runtime/actor.js';
import { revive } from '../../runtime/bus.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { draw } from '../../runtime/workflow/draw.js';
import type { Workflow } from '../../runtime/workflow.js';
import type { Definition } from '../../workflows/contract.js';
import { type Read, type Registry, wantsSource } from '../../workflows/registry.js';
import type { Fact } from '../run/contract.js';
import type { Around, Handlers } from './around.js';
import type { workflowVerbs } from './contract-workflows.js';

/** One as `rr workflows list` tells it. */
export function lineOf(workflows: Registry, { name, file, faults }: Read) {
  const whole = faults.length === 0 ? workflows.find(name) : null;
  return {
    name,
    version: whole?.version ?? null,
    about: whole?.about ?? null,
    steps: whole?.steps.map(({ id }) => id) ?? [],
    file,
    faults,
  };
}
/** @throws WORKFLOW_UNKNOWN, WORKFLOW_INVALID */
export function showOf(workflows: Registry, name: string): { definition: Definition; mermaid: string } {
  const workflow = findWhole(workflows, name);
  const { version, about, steps, agents, output, record, facts } = workflow;
  const data = { name: workflow.name, version, about, steps, agents, output, record, facts };
  return { definition: JSON.parse(JSON.stringify(data)) as Definition, mermaid: draw(workflow) };
}
/** The newest of a name. @throws WORKFLOW_UNKNOWN, WORKFLOW_INVALID */
export function findWhole(workflows: Registry, name: string): Workflow {
  const workflow = workflows.find(name);
  if (workflow) return workflow;
  const met = workflows.all().find((one) => one.name === name || one.file?.endsWith(`/${name}`));
  if (!met) throw fail('WORKFLOW_UNKNOWN', { workflow: name });
  throw fail('WORKFLOW_INVALID', { workflow: name, faults: met.faults.join('; ') });
}
/** Checks what a job asks for. @throws WORKFLOW_UNKNOWN, WORKFLOW_INVALID, USAGE when it wants a source and none is given. */
export function checkJob(workflows: Registry, { workflow: name, source }: { workflow: string; source: string }): void {
  workflows.refresh();
  const workflow = findWhole(workflows, name);
  if (source === '' && wantsSource(workflow))
    throw fail('USAGE', {
      met: `${name} works on a repository and none was given`,
      fix: 'give a folder, an archive or a git URL',
    });
}

export function workflowHandlers({ ask, clock, system, workflows }: Around): Handlers<keyof typeof workflowVerbs> {
  /** Tells a run something and hears what it says to it. @throws RUN_UNKNOWN, and what the run refuses it with. */
  const tell = async (run: string, command: Message, id?: string): Promise<Fact> => {
    const to = `${run}/run/run-1`;
    if (!system.cell(to)) throw fail('RUN_UNKNOWN', { run });
    const fact = (await ask(to, command, id)) as Fact;
    if (fact.type === 'run.refused') throw revive(fact.error as ErrorRecord);
    return fact;
  };
  return {
    async 'workflows.list'() {
      workflows.refresh();
      return { workflows: workflows.all().map((one) => lineOf(workflows, one)) };
    },
    async 'workflows.show'({ name }) {
      workflows.refresh();
      return showOf(workflows, name);
    },
    async 'workflows.check'({ definition }) {
      workflows.refresh();
      return workflows.check(definition);
    },
    async 'runs.approve'({ run, step, option, reason }, user) {
      const at = clock.now();
      const fact = await tell(run, { type: 'run.decide', step, option, reason, by: user, at } as Message);
      if (fact.type !== 'run.decided') throw fail('INTERNAL', { reason: `the run answered ${fact.type}` });
      return { run, step: fact.step, decision: fact.decision };
    },
    async 'runs.signal'({ run, name, payload, id }, user) {
      const command = { type: 'run.signal', name, payload: payload ?? null, by: user, at: clock.now() } as Message;
      const fact = await tell(run, command, id === undefined ? undefined : `signal/${run}/${id}`);
      return { run, step: fact.type === 'run.signalled' ? fact.step : null };
    },
    async 'runs.restart'({ run, service }) {
      const fact = await tell(run, { type: 'run.restart', service, at: clock.now() } as Message);
      if (fact.type !== 'run.restarting') throw fail('INTERNAL', { reason: `the run answered ${fact.type}` });
      return { run, state: 'up', services: fact.services };
    },
  };
}
