/** `rr plan`: what would be done with a repository, without running anything and without a broker. */

import type { Plan } from '../agents/detection/contract.js';
import { detect } from '../agents/detection/detect.js';
import { plan } from '../agents/requirements/require.js';
import { openTree } from '../providers/tree.js';

/**
 * @param root absolute folder.
 * @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE, REPOSITORY_EMPTY, SERVICE_UNKNOWN.
 */
export async function planOf(root: string, service: string | null = null): Promise<Plan> {
  const tree = await openTree(root);
  return plan({ repository: root, ...detect(tree, { repository: root, service }) });
}
