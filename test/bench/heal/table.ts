/** The cases of the heal-bench as a table for a page. */
import { cell } from '../bring-up.js';

export interface Case {
  kind: string;
  repo: string;
  /** Whether a repair of ours could help at all. */
  mendable: boolean;
  healed: boolean;
  /** No repair was needed: what was wrong was seen before it could fail. */
  foreseen: boolean;
  outcome: string;
  fixes: { rule: string; helped: boolean }[];
  /** Repairs that were tried and did not help. */
  wasted: number;
  seconds: number;
  /** It was said to be healthy and is not. */
  falseSuccess: boolean;
  tokens: number;
  error: string | null;
}

export function tableOf(cases: readonly Case[]): string {
  const rows = cases.map((one) => [
    one.kind,
    one.repo,
    one.falseSuccess
      ? '**falsely**'
      : one.foreseen
        ? 'foreseen'
        : one.healed
          ? 'yes'
          : one.mendable
            ? '**no**'
            : 'no, rightly',
    one.fixes.map(({ rule, helped }) => (helped ? `\`${rule}\`` : `~~\`${rule}\`~~`)).join(', '),
    String(one.wasted),
    one.seconds.toFixed(1),
    one.falseSuccess ? '1' : '0',
    one.healed ? '' : cell(one.error ?? one.outcome),
  ]);
  return [
    '| fault | repository | healed | repairs | wasted | s | false success | else |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
