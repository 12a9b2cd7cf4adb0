/** A definition as a Mermaid flowchart: a box a step, an arrow a need, a frame a phase. */
import type { Step, Workflow } from '../workflow.js';

const shape = ({ approval, timer, signal, workflow }: Step): [string, string] =>
  approval
    ? ['{{', '}}']
    : timer
      ? ['([', '])']
      : signal !== undefined
        ? ['>', ']']
        : workflow
          ? ['[[', ']]']
          : ['[', ']'];
const quote = (text: string): string => text.replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;');
function words(step: Step): string {
  const { approval, timer, signal, workflow } = step;
  const does =
    step.command ??
    approval?.question ??
    (timer ? ('sleepMs' in timer ? `sleeps ${timer.sleepMs} ms` : `until ${timer.until}`) : undefined) ??
    (signal === undefined ? `does ${workflow}` : `hears ${signal}`);
  const marks = [
    step.forEach === undefined ? '' : `for each of $${step.forEach.replace(/^\$/, '')}`,
    step.when === undefined ? '' : `when ${step.when}`,
    step.retry ? `up to ${step.retry.times} times again` : '',
    step.semaphore ? `${step.semaphore.limit} × ${step.semaphore.name}` : '',
    step.heal ? 'heals' : '',
    step.optional ? 'optional' : '',
    step.compensate ? `undone by ${step.compensate.command}` : '',
  ].filter(Boolean);
  return [step.id, does, ...marks].map(quote).join('<br/>');
}
const node = (id: string): string => id.replaceAll('-', '_');

/** @returns the text of a `flowchart`, as `rr workflows show NAME --mermaid` prints it. */
export function draw(workflow: Workflow): string {
  const lines = ['flowchart TD'];
  const phases = [...new Set(workflow.steps.map(({ phase = 'run' }) => phase))];
  for (const phase of phases) {
    lines.push(`  subgraph phase_${node(phase)} ["${quote(phase)}"]`);
    for (const step of workflow.steps.filter(({ phase: own = 'run' }) => own === phase)) {
      const [open, close] = shape(step);
      lines.push(`    ${node(step.id)}${open}"${words(step)}"${close}`);
    }
    lines.push('  end');
  }
  for (const { id, needs = [] } of workflow.steps)
    for (const need of needs) lines.push(`  ${node(need)} --> ${node(id)}`);
  return `${lines.join('\n')}\n`;
}
