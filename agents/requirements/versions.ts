/**
 * Which version of a runtime is wanted when several files speak of it.
 *
 * The order, strongest first: a file or field whose only purpose is to pin (`.nvmrc`, `.python-version`,
 * `.tool-versions`, mise, `volta`, `packageManager`, `rust-toolchain`, `global.json`, `runtime.txt`); the manifest's own
 * range (`engines`, `requires-python`, the `go` line); a hosting file (render.yaml, netlify.toml); the Dockerfile's FROM;
 * compose and devcontainer images; anything else. Within one rank the nearer folder, then the heavier hint. A pin inside
 * the manifest's range is no conflict, it is more exact. What does not overlap becomes a note that names both.
 */
import semver from 'semver';

export interface Claim {
  tool: string;
  want: string;
  from: string;
  weight: number;
  /** Folders between the service and the file's folder; 0 for its own. */
  distance: number;
}

const ranks: readonly RegExp[] = [
  /(?:^|\/)(?:\.(?:nvmrc|[a-z]+-version|tool-versions|dvmrc)|\.?(?:mise|rtx)(?:\.local)?\.toml|rust-toolchain(?:\.toml)?|global\.json|runtime\.txt|system\.properties)$/,
  /(?:^|\/)(?:package\.json|pyproject\.toml|setup\.(?:py|cfg)|Pipfile|go\.(?:mod|work)|Cargo\.toml|Gemfile|composer\.json|pom\.xml|build\.gradle(?:\.kts)?|mix\.exs|deno\.jsonc?|[\w.-]+\.csproj)$/,
  /(?:^|\/)(?:render\.ya?ml|netlify\.toml)$/,
  /(?:^|\/)(?:[\w.-]*[Dd]ockerfile[\w.-]*|Containerfile[\w.-]*)$/,
  /(?:^|\/)(?:(?:docker-)?compose[\w.-]*\.ya?ml|\.?devcontainer\.json)$/,
];
/** Pinning fields of package.json weigh more than its ranges. */
const pinWeight = 0.85;

function rankOf({ from, weight }: Claim): number {
  const file = from.replace(/:\d+$/, '');
  const rank = ranks.findIndex((pattern) => pattern.test(file));
  if (rank === 1 && file.endsWith('package.json') && weight > pinWeight) return 0;
  return rank < 0 ? ranks.length : rank;
}

/** @param claims all of one tool, at least one. */
export function settleVersion(claims: readonly Claim[]): { taken: Claim; notes: string[] } {
  const sorted = [...claims].sort(
    (a, b) =>
      rankOf(a) - rankOf(b) ||
      a.distance - b.distance ||
      b.weight - a.weight ||
      order(a.from, b.from) ||
      order(a.want, b.want),
  );
  const taken = sorted[0]!;
  const seen = new Set<string>();
  const notes = sorted.slice(1).flatMap((other) => {
    if (seen.has(other.from) || overlap(taken, other)) return [];
    seen.add(other.from);
    return [
      `${taken.tool}: ${taken.from} wants ${taken.want}, ${other.from} wants ${other.want}; ${taken.want} is taken`,
    ];
  });
  return { taken, notes };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function overlap(one: Claim, other: Claim): boolean {
  if (one.want === other.want) return true;
  const first = rangeOf(one);
  const second = rangeOf(other);
  // What neither reads as a range (`lts/*`, `stable`, `nightly`) contradicts nothing.
  return first === null || second === null || semver.intersects(first, second);
}

/** A want in any language's notation as a semver range; null when it is none. */
function rangeOf(claim: Claim): string | null {
  // An image's third number is whatever was current when it was written.
  const isImage = rankOf(claim) >= 3;
  let text = claim.want
    .trim()
    .replace(/^v(?=\d)/, '')
    .replace(/(\d)\.\*/g, '$1.x');
  if (isImage) text = text.replace(claim.tool === 'node' ? /^(\d+)(?:\.\d+)*$/ : /^(\d+\.\d+)(?:\.\d+)+$/, '$1');
  if (claim.tool === 'java') text = text.replace(/^1\.8(?:\..*)?$/, '8').replace(/^(\d+)[.+_u].*$/, '$1');
  text = text
    .replace(/,/g, ' ')
    .replace(/===?\s*(?=\d)/g, '=')
    .replace(/!=\s*\S+/g, '')
    .replace(/(?:~=|~>)\s*(\d+)\.(\d+)(\.\d+)?/g, (_, major: string, minor: string, patch?: string) =>
      patch === undefined
        ? `>=${major}.${minor} <${Number(major) + 1}`
        : `>=${major}.${minor}${patch} <${major}.${Number(minor) + 1}`,
    )
    .replace(/(?<!\|)\|(?!\|)/g, '||')
    .trim();
  return text === '' ? null : semver.validRange(text);
}
