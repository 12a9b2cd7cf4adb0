/** Where we run, each claim with what shows it. Reads variables and small files only; no cloud's metadata address is asked. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './contract.js';

type Surrounding = Environment['surroundings'][number];
type Env = Readonly<Record<string, string | undefined>>;

/** Variables that a place sets, the first of a name is enough. */
const byVariable: readonly (readonly [variable: string, name: string])[] = [
  ['CODESPACES', 'codespaces'],
  ['COLAB_RELEASE_TAG', 'colab'],
  ['COLAB_GPU', 'colab'],
  ['KAGGLE_KERNEL_RUN_TYPE', 'kaggle'],
  ['GITPOD_WORKSPACE_ID', 'gitpod'],
  ['REPL_ID', 'replit'],
  ['DEVCONTAINER', 'devcontainer'],
  ['REMOTE_CONTAINERS', 'devcontainer'],
  ['GITHUB_ACTIONS', 'github-actions'],
  ['GITLAB_CI', 'gitlab-ci'],
  ['CIRCLECI', 'circleci'],
  ['JENKINS_URL', 'jenkins'],
  ['TRAVIS', 'travis'],
  ['BUILDKITE', 'buildkite'],
  ['TF_BUILD', 'azure-pipelines'],
  ['BITBUCKET_BUILD_NUMBER', 'bitbucket-pipelines'],
  ['TEAMCITY_VERSION', 'teamcity'],
  ['CI', 'ci'],
  ['KUBERNETES_SERVICE_HOST', 'kubernetes'],
  ['AWS_EXECUTION_ENV', 'aws'],
  ['AWS_LAMBDA_FUNCTION_NAME', 'aws'],
  ['K_SERVICE', 'gcp'],
  ['WEBSITE_INSTANCE_ID', 'azure'],
  ['WSL_DISTRO_NAME', 'wsl'],
  ['SSH_CONNECTION', 'ssh'],
];
const builds =
  /^(github-actions|gitlab-ci|circleci|jenkins|travis|buildkite|azure-pipelines|bitbucket-pipelines|teamcity)$/;

/** What the firmware says of the machine's maker. */
const byMaker: readonly (readonly [RegExp, name: string])[] = [
  [/amazon|\bec2\b/i, 'aws'],
  [/google/i, 'gcp'],
  [/digitalocean/i, 'digitalocean'],
  [/hetzner/i, 'hetzner'],
  [/alibaba/i, 'alibaba'],
  [/openstack/i, 'openstack'],
  [/oraclecloud/i, 'oracle-cloud'],
  [/scaleway/i, 'scaleway'],
  [/linode|akamai/i, 'linode'],
  [/vultr/i, 'vultr'],
  [/qemu|kvm|virtualbox|vmware|firecracker|xen|bochs|virtual machine/i, 'virtual-machine'],
];
/** Azure's machines share their maker's name with every machine of Microsoft's; this tag is theirs alone. */
const AZURE_TAG = '7783-7084-3265-9085-8269-3286-77';

/** @param root where the system's files lie, `/` but for tests. */
export function findSurroundings(env: Env, root = '/'): Surrounding[] {
  const found = new Map<string, string>();
  const claim = (name: string, evidence: string): void => {
    if (!found.has(name)) found.set(name, evidence);
  };
  const text = (path: string): string => readText(join(root, path));
  for (const [variable, name] of byVariable) {
    const value = env[variable];
    if (value === undefined || value === '' || /^(false|0)$/i.test(value)) continue;
    claim(name, `the variable ${variable}`);
    if (builds.test(name)) claim('ci', `the variable ${variable}`);
  }
  if (isThere(join(root, '.dockerenv'))) claim('container', '/.dockerenv');
  if (isThere(join(root, 'run/.containerenv'))) claim('container', '/run/.containerenv');
  const group = /docker|kubepods|containerd|libpod|lxc|garden/.exec(text('proc/1/cgroup'));
  if (group !== null) claim('container', `/proc/1/cgroup (${group[0]})`);
  if (env.container) claim('container', 'the variable container');
  if (found.has('kubernetes')) claim('container', found.get('kubernetes')!);
  if (/microsoft/i.test(text('proc/version'))) claim('wsl', '/proc/version');
  for (const file of ['sys_vendor', 'product_name', 'bios_vendor', 'chassis_asset_tag']) {
    const said = text(`sys/class/dmi/id/${file}`).trim();
    const maker = said === AZURE_TAG ? 'azure' : byMaker.find(([pattern]) => pattern.test(said))?.[1];
    if (maker !== undefined) claim(maker, `/sys/class/dmi/id/${file} (${said})`);
  }
  if (isThere(join(root, 'content/sample_data')) && isThere(join(root, 'opt/google')))
    claim('colab', '/content/sample_data');
  if (isThere(join(root, 'kaggle/working'))) claim('kaggle', '/kaggle/working');
  return [...found].map(([name, evidence]) => ({ name, evidence }));
}

/** Empty when it is not there or not for us to read: then it shows nothing. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // see above
  }
}
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false; // not there, or not for us to see
  }
}
